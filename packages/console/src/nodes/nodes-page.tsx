import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import {
  bytesText,
  connectionsText,
  momentText,
  numberText,
  shareText,
  sinceText,
  spanText,
} from "../parts/words.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";

interface NodeView {
  readonly node: string;
  readonly connections: number;
  readonly since: number;
  readonly report?: {
    readonly status?: string;
    readonly lag_ms?: number;
    readonly loop_delay_ms?: number;
    readonly memory_bytes?: number;
    readonly cpu?: number;
    readonly channels?: number;
    readonly version?: string;
  };
}

const pollMs = 3_000;
/** Time over which the clients of a node reconnect, in milliseconds. */
const moveMs = 10_000;
const columns = [
  "Node",
  "Status",
  "Connections",
  "Channels",
  "Lag",
  "Loop delay",
  "CPU",
  "Memory",
  "Up for",
  "",
];
const tones: Readonly<Record<string, string>> = {
  healthy: "go",
  degraded: "halt",
  unhealthy: "stop",
};

/** Page with the live nodes, and how to drain one or to move its clients elsewhere. */
export function NodesPage() {
  const session = useSession();
  const { value, error, refresh } = usePolled<{ nodes: readonly NodeView[] }>("v1/nodes", pollMs);
  const { ask, dialog } = useConfirmation(refresh);
  const move = ({ node, connections }: NodeView) =>
    ask({
      title: `Move the clients of ${node}?`,
      text: (
        <p>
          Within {moveMs / 1_000} s, {connectionsText(connections)} will be made anew, to the node
          that the load balancer picks. To keep them off this node, drain it instead.
        </p>
      ),
      action: "Move clients",
      async run() {
        const body = { node, reconnect: { min_ms: 0, max_ms: moveMs } };
        const moved = await session.call<{ connections: number }>("POST", "v1/move", body);
        return `Moving away from ${node}: ${connectionsText(moved.connections)}.`;
      },
    });
  const drain = ({ node, connections }: NodeView, on: boolean) =>
    ask({
      title: on ? `Drain ${node}?` : `Take ${node} back into service?`,
      text: on ? (
        <p>
          It says that it is not ready, so that the load balancer sends it nobody new, and within{" "}
          {moveMs / 1_000} s {connectionsText(connections)} will be made anew elsewhere. The process
          goes on, and this page takes it back.
        </p>
      ) : (
        <p>It says that it is ready again, so that the load balancer sends it clients.</p>
      ),
      action: on ? "Drain" : "Take back",
      async run() {
        const body = { node, on, max_ms: moveMs };
        const moved = await session.call<{ connections: number }>("POST", "v1/drain", body);
        return on
          ? `${node} drains: ${connectionsText(moved.connections)} to move.`
          : `${node} is in service again.`;
      },
    });
  return (
    <>
      <div className="head">
        <h1>Nodes</h1>
      </div>
      <FailureNote error={error} />
      {dialog}
      {value !== undefined && (
        <DataTable label="Nodes" columns={columns}>
          {value.nodes.map((each) => (
            <NodeRow key={each.node} of={each} onMove={move} onDrain={drain} />
          ))}
        </DataTable>
      )}
      <p className="soft small">
        Lag is the age of the oldest entry that a node wrote to its clients within its latest
        heartbeat. Of the turns of the event loop, 99 % were delayed less than the loop delay.
      </p>
    </>
  );
}

function NodeRow({
  of: each,
  onMove,
  onDrain,
}: {
  readonly of: NodeView;
  readonly onMove: (node: NodeView) => void;
  readonly onDrain: (node: NodeView, on: boolean) => void;
}) {
  const { node, connections, since, report = {} } = each;
  const { status, lag_ms, loop_delay_ms, memory_bytes, cpu, channels, version } = report;
  const isDraining = status === "draining";
  return (
    <tr>
      <th scope="row" title={version}>
        {node}
      </th>
      <td>
        {status === undefined ? (
          "–"
        ) : (
          <span className="badge" data-tone={tones[status] ?? "wait"}>
            {status}
          </span>
        )}
      </td>
      <td>{numberText(connections)}</td>
      <td>{channels === undefined ? "–" : numberText(channels)}</td>
      <td>{lag_ms === undefined ? "–" : spanText(lag_ms)}</td>
      <td>{loop_delay_ms === undefined ? "–" : spanText(loop_delay_ms)}</td>
      <td>{cpu === undefined ? "–" : shareText(cpu)}</td>
      <td>{memory_bytes === undefined ? "–" : bytesText(memory_bytes)}</td>
      <td title={momentText(since)}>{sinceText(since)}</td>
      <td>
        <div className="actions">
          <button
            type="button"
            className="button button--small"
            aria-label={`Move clients… of ${node}`}
            onClick={() => onMove(each)}
          >
            Move clients…
          </button>
          <button
            type="button"
            className="button button--small"
            aria-label={isDraining ? `Take back… ${node}` : `Drain… ${node}`}
            onClick={() => onDrain(each, !isDraining)}
          >
            {isDraining ? "Take back…" : "Drain…"}
          </button>
        </div>
      </td>
    </tr>
  );
}
