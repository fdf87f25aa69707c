import { useConnection, useOperation, useOperations } from "@milepost/react";
import { type FormEvent, useState } from "react";
import { forgetSession, type Session, startAnalysis } from "./backend.ts";
import { Run } from "./run.tsx";

const companies = ["Acme Corp.", "Void Ltd."];

export function App({ session }: { readonly session: Session }) {
  const [started, setStarted] = useState<string>();
  const [problem, setProblem] = useState("");
  // After a reload the page shows the latest analysis of its session.
  const latest = useOperations((list) =>
    list.kind === "ready" ? list.operations[0]?.operation_id : undefined,
  );
  const shown = started ?? latest;

  async function start(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const company = String(new FormData(event.currentTarget).get("company"));
    setProblem("");
    try {
      setStarted(await startAnalysis(session, company));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <main>
      <header>
        <h1>Agents at work</h1>
        <ConnectionState />
      </header>
      <form className="card" onSubmit={start}>
        <div className="row">
          <label>
            Company
            <input
              name="company"
              defaultValue={companies[0]}
              list="companies"
              maxLength={80}
              required
            />
          </label>
          <datalist id="companies">
            {companies.map((company) => (
              <option key={company} value={company} />
            ))}
          </datalist>
          <button type="submit" className="first">
            Analyse
          </button>
        </div>
        <p className="quiet">The analysis of Void Ltd. fails, to show what a failure looks like.</p>
        <p role="alert">{problem}</p>
      </form>
      {shown === undefined ? (
        <p className="quiet">No analysis yet. Start one: four agents will work on it.</p>
      ) : (
        <Analysis id={shown} />
      )}
    </main>
  );
}

function Analysis({ id }: { readonly id: string }) {
  const used = useOperation(id);
  const { view } = used;
  if (view.kind !== "ready") return <p className="quiet">Waiting for the agents …</p>;
  return <Run state={view.state} commands={used} />;
}

function ConnectionState() {
  const { state } = useConnection();
  const words = {
    connecting: "Connecting …",
    connected: "Connected",
    reconnecting: "Connection lost, trying again …",
    authenticating: "Connecting …",
    idle: "Not connected",
  } as Readonly<Record<string, string>>;
  if (state.state === "closed") {
    return (
      <p role="status">
        Not connected.{" "}
        <button
          type="button"
          onClick={() => {
            forgetSession();
            location.reload();
          }}
        >
          Begin again
        </button>
      </p>
    );
  }
  return (
    <p role="status" className="quiet">
      {words[state.state] ?? state.state}
    </p>
  );
}
