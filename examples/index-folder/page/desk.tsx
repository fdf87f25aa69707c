import { isFinal } from "@milepost/model";
import { useClient, useConnection, useOperations } from "@milepost/react";
import { useState } from "react";
import { ConnectionDetails } from "./connection/connection-details.tsx";
import { ConnectionLight } from "./connection/connection-light.tsx";
import { connectionAnnouncement } from "./connection/connection-words.ts";
import { Interruption } from "./connection/interruption.tsx";
import { startJob } from "./demo/demo-api.ts";
import { jobOf } from "./demo/job.ts";
import { Masthead } from "./masthead/masthead.tsx";
import { Toasts } from "./notices/toasts.tsx";
import { useNow } from "./run/now.ts";
import { RunView } from "./run/run-view.tsx";
import { useRunHash } from "./runs/run-hash.ts";
import { RunList } from "./runs/run-list.tsx";
import { StartForm } from "./start/start-form.tsx";
import { Welcome } from "./start/welcome.tsx";

function Light() {
  const connection = useConnection(({ state }) => state);
  const now = useNow(connection.state === "reconnecting", 250);
  return <ConnectionLight connection={connection} now={now} />;
}

function InterruptionBar({ settled }: { readonly settled: boolean }) {
  const client = useClient();
  const { state, metrics } = useConnection();
  const now = useNow(state.state === "reconnecting", 250);
  const retry = () => (state.state === "closed" ? client.connect() : client.retryNow());
  const asOf = metrics.lastMessageAt;
  return (
    <Interruption connection={state} now={now} asOf={asOf} settled={settled} onRetry={retry} />
  );
}

function Details() {
  const { state, metrics } = useConnection();
  return <ConnectionDetails connection={state} metrics={metrics} />;
}

/** Whole page of the demo; it must be rendered inside the client's provider. */
export function Desk() {
  const [selected, select] = useRunHash();
  const [started, setStarted] = useState<string | undefined>();
  const runs = useOperations();
  const connection = useConnection(({ state }) => state);
  const connected = connection.state === "connected";
  // Without a choice, the page shows the latest run. A reload without a run in the address then loses nothing
  // either.
  const shown = selected ?? (runs.kind === "ready" ? runs.operations[0]?.operation_id : undefined);

  const summary =
    runs.kind === "ready" ? runs.operations.find((run) => run.operation_id === shown) : undefined;
  const settled = summary !== undefined && isFinal(summary.status);

  const onStarted = (id: string) => {
    setStarted(id);
    select(id);
  };

  const runAgain = async (input: unknown) => {
    const job = jobOf(input);
    if (!job)
      throw new Error("This run does not name its folder; use the form to start a new one.");
    onStarted(await startJob(job.path, job.pace));
  };

  return (
    <div className="page">
      {/* This is a button, not a link, because the address's fragment already holds the selected run. */}
      <button
        type="button"
        className="skip"
        onClick={() => document.getElementById("run")?.focus()}
      >
        Skip to the run
      </button>
      <Masthead notices={<Toasts />} connection={<Light />} />
      <main className="desk">
        <StartForm connected={connected} onStarted={onStarted} />
        <div className="desk__main" id="run" tabIndex={-1}>
          {shown === undefined ? (
            <Welcome loading={runs.kind === "loading"} />
          ) : (
            <RunView
              key={shown}
              id={shown}
              reachable={connected}
              connection={connectionAnnouncement(connection)}
              takesFocus={shown === started}
              onRunAgain={runAgain}
            />
          )}
        </div>
        <div className="desk__side">
          <RunList view={runs} selected={shown} />
          <Details />
        </div>
      </main>
      <div className="foot">
        <InterruptionBar settled={settled} />
      </div>
    </div>
  );
}
