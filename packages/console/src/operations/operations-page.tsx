import { MilepostProvider } from "@milepost/react";
import { useId, useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { momentText, sinceText } from "../parts/words.ts";
import { socket } from "../session/console-session.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";
import { OperationDetail } from "./operation-detail.tsx";

interface Summary {
  readonly operation_id: string;
  readonly kind: string;
  readonly title: string;
  readonly status: string;
  readonly percent: number;
  readonly updated_at: number;
}

const statuses = [
  "waiting",
  "running",
  "paused",
  "stalled",
  "done",
  "failed",
  "cancelled",
  "lost",
] as const;
const filters = ["user", "session", "kind", "tag"] as const;
const tones: Readonly<Record<string, string>> = {
  running: "go",
  done: "go",
  paused: "halt",
  stalled: "halt",
  failed: "stop",
  lost: "stop",
};

const pollMs = 3_000;
const listed = 100;

/** Page with the operations, and the panel of the selected one. */
export function OperationsPage() {
  const session = useSession();
  const [status, setStatus] = useState("");
  const [chosen, setChosen] = useState<Readonly<Record<string, string>>>({});
  const [selected, setSelected] = useState<string>();
  const given = Object.entries({ ...chosen, status }).filter(([, text]) => text.trim() !== "");
  const query = new URLSearchParams([...given, ["limit", String(listed)]]);
  const list = usePolled<{ operations: readonly Summary[] }>(`v1/operations?${query}`, pollMs);
  const field = useId();
  return (
    <MilepostProvider url={socket} token={session.token}>
      <div className="head">
        <h1>Operations</h1>
      </div>
      <search className="panel search">
        <div className="field">
          <label htmlFor={`${field}-status`}>Status</label>
          <select
            id={`${field}-status`}
            className="input"
            value={status}
            onChange={({ target }) => setStatus(target.value)}
          >
            <option value="">any</option>
            {statuses.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </div>
        {filters.map((name) => (
          <div className="field" key={name}>
            <label
              htmlFor={`${field}-${name}`}
            >{`${name[0]?.toUpperCase()}${name.slice(1)}`}</label>
            <input
              id={`${field}-${name}`}
              className="input"
              autoComplete="off"
              spellCheck={false}
              value={chosen[name] ?? ""}
              onChange={({ target }) => setChosen({ ...chosen, [name]: target.value })}
            />
          </div>
        ))}
      </search>
      <FailureNote error={list.error} />
      {selected !== undefined && (
        <OperationDetail key={selected} id={selected} onClose={() => setSelected(undefined)} />
      )}
      {list.value !== undefined &&
        (list.value.operations.length === 0 ? (
          <p role="status">No operation matches.</p>
        ) : (
          <DataTable
            label="Operations"
            columns={["Operation", "Id", "Kind", "Status", "Percent", "Updated"]}
          >
            {list.value.operations.map((each) => (
              <tr key={each.operation_id} data-selected={each.operation_id === selected}>
                <th scope="row">
                  <button
                    type="button"
                    className="link"
                    aria-expanded={each.operation_id === selected}
                    onClick={() => setSelected(each.operation_id)}
                  >
                    {each.title}
                  </button>
                </th>
                <td>
                  <code>{each.operation_id}</code>
                </td>
                <td>{each.kind}</td>
                <td>
                  <span className="badge" data-tone={tones[each.status] ?? "wait"}>
                    {each.status}
                  </span>
                </td>
                <td>{`${Math.floor(each.percent)} %`}</td>
                <td title={momentText(each.updated_at)}>{sinceText(each.updated_at)} ago</td>
              </tr>
            ))}
          </DataTable>
        ))}
    </MilepostProvider>
  );
}
