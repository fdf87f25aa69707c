import type { OperationState } from "@milepost/model";
import { useOperation } from "@milepost/react";
import { useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { Facts } from "../parts/facts.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { Pager } from "../parts/pager.tsx";
import { clockText, momentText, numberText, sinceText, spanText } from "../parts/words.ts";
import { usePolled } from "../session/use-polled.ts";

interface Holder {
  readonly service?: string;
  readonly node?: string;
  readonly lease?: {
    readonly holder?: string;
    readonly held: boolean;
    readonly fence: number;
    readonly since: number;
    readonly last_sign_at: number;
    readonly expires_at: number;
    readonly ttl_ms: number;
  };
}

const pollMs = 3_000;
/** Number of lines of the log on one page. */
const lines = 50;

/** Facts of an operation that its panel does not show: its producer, its commands, timeline and log. */
export function OperationFacts({ id }: { readonly id: string }) {
  const holder = usePolled<Holder>(`v1/operations/${encodeURIComponent(id)}/holder`, pollMs);
  const { view } = useOperation(id);
  const state = view.kind === "ready" ? view.state : undefined;
  const { lease, service, node } = holder.value ?? {};
  return (
    <>
      <FailureNote error={holder.error} />
      <Facts
        label="The producer"
        facts={[
          ["User", state?.user_id],
          ["Session", state?.session_id],
          ["API key", service],
          ["Looked after by the node", node],
          ["Held by", lease === undefined ? undefined : (lease.holder ?? "nobody named")],
          [
            "Last sign",
            lease && `${momentText(lease.last_sign_at)} (${sinceText(lease.last_sign_at)} ago)`,
          ],
          [
            "Lease",
            lease &&
              (lease.held
                ? `until ${clockText(lease.expires_at)}, renewed for ${spanText(lease.ttl_ms)}`
                : `ran out at ${clockText(lease.expires_at)}`),
          ],
          ["Attempt", state && numberText(state.attempt)],
          ["Silent since", state?.silent_since && momentText(state.silent_since)],
          ["Error", state?.error && `${state.error.code ?? "failed"}: ${state.error.message}`],
        ]}
      />
      {state !== undefined && (
        <>
          <Commands of={state} />
          <Timeline of={state} />
          <Log of={state} />
        </>
      )}
    </>
  );
}

function Commands({ of: { commands } }: { readonly of: OperationState }) {
  if (commands.length === 0) return null;
  return (
    <>
      <h2>Commands</h2>
      <DataTable label="Commands" columns={["Command", "Phase", "By", "Asked", "Reason"]}>
        {[...commands].reverse().map((each) => (
          <tr key={each.id}>
            <th scope="row">{each.command}</th>
            <td>{each.phase}</td>
            <td>{each.by ?? "–"}</td>
            <td>{momentText(each.requested_at)}</td>
            <td>{each.reason ?? "–"}</td>
          </tr>
        ))}
      </DataTable>
    </>
  );
}

function Timeline({ of: { timeline } }: { readonly of: OperationState }) {
  if (timeline.length === 0) return null;
  return (
    <>
      <h2>Timeline</h2>
      <DataTable label="Timeline" columns={["Span", "From", "Took", "Attempt"]}>
        {[...timeline]
          .reverse()
          .slice(0, lines)
          .map(({ what, id, from, to, attempt }) => (
            <tr key={`${what} ${id} ${from}`}>
              <th scope="row">{`${what} ${id}`}</th>
              <td title={momentText(from)}>{clockText(from)}</td>
              <td>{to === undefined ? `goes on, for ${sinceText(from)}` : spanText(to - from)}</td>
              <td>{numberText(attempt)}</td>
            </tr>
          ))}
      </DataTable>
    </>
  );
}

function Log({ of: { log, log_total } }: { readonly of: OperationState }) {
  const [from, setFrom] = useState(0);
  if (log.length === 0) return null;
  const newest = [...log].reverse();
  return (
    <>
      <h2>Log</h2>
      <p className="soft small">
        {numberText(log.length)} of {numberText(log_total)} lines, the latest first
      </p>
      <DataTable label="Log" columns={["Time", "Level", "Line", "Step or agent"]}>
        {newest.slice(from, from + lines).map((line) => (
          <tr key={line.seq}>
            <td title={momentText(line.at)}>{clockText(line.at)}</td>
            <td>
              <span className="badge" data-tone={tones[line.level] ?? "wait"}>
                {line.level}
              </span>
            </td>
            <td>{line.message}</td>
            <td>{line.step ?? line.agent ?? "–"}</td>
          </tr>
        ))}
      </DataTable>
      <Pager
        isFirst={from === 0}
        hasNext={newest.length > from + lines}
        onFirst={() => setFrom(0)}
        onNext={() => setFrom(from + lines)}
      />
    </>
  );
}

const tones: Readonly<Record<string, string>> = {
  success: "go",
  warning: "halt",
  error: "stop",
};
