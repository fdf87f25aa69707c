import { type DocumentClient, MilepostProvider, type ProviderStatus, Threads } from "@milepost/yjs";
import { useEffect, useState } from "react";
import { Doc } from "yjs";
import { type Collaborator, Collaborators } from "./collaborators.ts";
import { People } from "./people.ts";
import { WorkflowDocument } from "./workflow-document.ts";

/** Everything of one shared workflow that the page shows. */
export interface SharedWorkflow {
  readonly document: WorkflowDocument;
  readonly threads: Threads;
  readonly collaborators: Collaborators;
  readonly people: People;
  readonly status: ProviderStatus;
  readonly isSaved: boolean;
  /** True while the gateway would lose the workflow with its process; undefined until it is known. */
  readonly isForgetful: boolean | undefined;
  /** Sentence on why the gateway refuses the workflow or an edit; empty while it does not. */
  readonly refusal: string;
}

type Opened = Pick<SharedWorkflow, "document" | "threads" | "collaborators" | "people">;

/** Opens a shared workflow for as long as the component is shown; undefined until it is open. */
export function useSharedWorkflow(
  client: DocumentClient,
  name: string,
  self: Collaborator,
): SharedWorkflow | undefined {
  const [opened, setOpened] = useState<Opened>();
  const [status, setStatus] = useState<ProviderStatus>("connecting");
  const [isSaved, setSaved] = useState(true);
  const [isForgetful, setForgetful] = useState<boolean>();
  const [refusal, setRefusal] = useState("");
  const { id: selfId, name: selfName, color } = self;

  useEffect(() => {
    const doc = new Doc();
    const provider = new MilepostProvider(client, name, doc);
    provider.on("status", (event) => setStatus(event.status));
    provider.on("saved", setSaved);
    provider.on("refused", ({ message }) => setRefusal(message));
    provider.isDurable().then(
      (isDurable) => setForgetful(!isDurable),
      () => {},
    );
    provider.awareness?.setLocalStateField("user", { id: selfId, name: selfName, color });
    const people = new People(doc);
    // Entered once the others' names are there, so that the name is written once.
    provider.on("sync", (isSynced) => {
      if (isSynced) people.enter(selfId, selfName);
    });
    setOpened({
      people,
      document: new WorkflowDocument(doc),
      threads: new Threads(doc),
      collaborators: new Collaborators(provider.awareness),
    });
    return () => {
      provider.destroy();
      doc.destroy();
      setOpened(undefined);
    };
  }, [client, name, selfId, selfName, color]);

  return opened && { ...opened, status, isSaved, isForgetful, refusal };
}
