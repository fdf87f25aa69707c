import {
  DigestPanel,
  InboxPanel,
  OperationTree,
  StatusPanel,
  useInbox,
  useOperations,
} from "@milepost/react";
import { useState } from "react";

/** Page of a person who releases things: the latest release with its parts, the inbox, and what has happened. */
export function Desk({ start }: { readonly start: () => Promise<unknown> }) {
  const [problem, setProblem] = useState("");
  const latest = useOperations((list) =>
    list.kind === "ready"
      ? list.operations.find(({ kind }) => kind === "release")?.operation_id
      : undefined,
  );
  const { inbox: unread } = useInbox(({ counts }) => counts.unread);
  return (
    <main>
      <header>
        <h1>Release desk {unread > 0 && <small>({unread} new)</small>}</h1>
        <button
          type="button"
          className="first"
          onClick={() => {
            setProblem("");
            start().catch((error: unknown) =>
              setProblem(error instanceof Error ? error.message : String(error)),
            );
          }}
        >
          Release
        </button>
      </header>
      <p role="alert">{problem}</p>
      <DigestPanel />
      <div className="agents">
        <div className="column">
          <StatusPanel operationId={latest} />
          <OperationTree operationId={latest} />
        </div>
        <InboxPanel />
      </div>
    </main>
  );
}
