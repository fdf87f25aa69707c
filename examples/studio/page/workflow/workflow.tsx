import type { DocumentClient, Threads } from "@milepost/yjs";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import type { Collaborator } from "./collaborators.ts";
import { StepPanel } from "./step-panel.tsx";
import { type SharedWorkflow, useSharedWorkflow } from "./use-shared-workflow.ts";
import { WorkflowBoard } from "./workflow-board.tsx";

/** Workflow that all visitors edit together. */
export function Workflow({
  client,
  self,
  onMention,
}: {
  readonly client: DocumentClient;
  readonly self: Collaborator;
  /** Called after a comment that mentions somebody was written. */
  readonly onMention: (mention: Mention) => void;
}): ReactNode {
  const shared = useSharedWorkflow(client, "studio", self);
  if (shared === undefined) return null;
  return <OpenWorkflow shared={shared} self={self} onMention={onMention} />;
}

/** Comment that mentions somebody. */
export interface Mention {
  /** Id of the comment. */
  readonly comment: string;
  /** Ids of the visitors who are mentioned. */
  readonly users: readonly string[];
  readonly text: string;
}

function OpenWorkflow({
  shared,
  self,
  onMention,
}: {
  readonly shared: SharedWorkflow;
  readonly self: Collaborator;
  readonly onMention: (mention: Mention) => void;
}): ReactNode {
  const { document, threads, collaborators, people, status, isSaved, isForgetful, refusal } =
    shared;
  const workflow = useSyncExternalStore(document.subscribe, document.getSnapshot);
  const others = useSyncExternalStore(collaborators.subscribe, collaborators.getSnapshot);
  const all = useThreads(threads);
  const [selected, setSelected] = useState<string>();
  const step = workflow.steps.find(({ id }) => id === selected);

  function select(id: string): void {
    setSelected(id);
    collaborators.select(id);
  }

  function tell(threadId: string): void {
    const comment = threads
      .list()
      .find(({ id }) => id === threadId)
      ?.comments.at(-1);
    const users = people.idsOf(comment?.mentions ?? []).filter((id) => id !== self.id);
    if (comment !== undefined && users.length > 0) {
      onMention({ comment: comment.id, users, text: comment.text });
    }
  }

  return (
    <section className="studio-work workflow" aria-label="Workflow">
      <div className="studio-row">
        <h2>Workflow</h2>
        <p className="workflow-state" role="status">
          {stateWords(status, isSaved)}
        </p>
        <button type="button" onClick={() => select(document.addStep("New step"))}>
          Add step
        </button>
      </div>
      {refusal !== "" && (
        <p className="studio-refusal" role="alert">
          {refusal}
        </p>
      )}
      {isForgetful === true && (
        <p className="studio-note">
          This studio keeps the workflow in memory. It is forgotten when the studio stops.
        </p>
      )}
      <p className="workflow-people">
        {others.length === 0 ? "Only you are here." : "Here with you: "}
        {[...new Map(others.map((other) => [other.id, other])).values()].map(
          ({ id, name, color }) => (
            <span key={id} className="workflow-person" style={{ backgroundColor: color }}>
              {name}
            </span>
          ),
        )}
      </p>
      <WorkflowBoard
        workflow={workflow}
        document={document}
        others={others}
        selected={selected}
        commented={(id) =>
          all.filter(({ anchor, isResolved }) => anchor === id && !isResolved).length
        }
        onSelect={select}
        onCursor={(cursor) => collaborators.moveTo(cursor)}
      />
      {step === undefined ? (
        <p className="studio-note">
          {workflow.steps.length === 0
            ? "Add a first step."
            : "Choose a step to rename it or to comment on it."}
        </p>
      ) : (
        <StepPanel
          step={step}
          workflow={workflow}
          document={document}
          threads={threads}
          all={all.filter(({ anchor }) => anchor === step.id)}
          author={self.name}
          onComment={tell}
        />
      )}
    </section>
  );
}

function useThreads(threads: Threads) {
  const [all, setAll] = useState(() => threads.list());
  useEffect(() => {
    setAll(threads.list());
    return threads.subscribe(() => setAll(threads.list()));
  }, [threads]);
  return all;
}

function stateWords(status: SharedWorkflow["status"], isSaved: boolean): string {
  if (status === "connecting") return "Loading…";
  if (status === "disconnected") return isSaved ? "Offline" : "Offline, your edits are kept here";
  return isSaved ? "Saved" : "Saving…";
}
