import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import { connectionsText, momentText, numberText, sinceText } from "../parts/words.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";

interface NodeView {
  readonly node: string;
  readonly connections: number;
  readonly since: number;
}

const pollMs = 3_000;
/** Time over which the clients of a node reconnect, in milliseconds. */
const moveMs = 10_000;

/** Page with the live nodes, and a way to move the clients of a node elsewhere. */
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
          that the load balancer picks. To keep them off this node, take it out of the load balancer
          first.
        </p>
      ),
      action: "Move clients",
      async run() {
        const body = { node, reconnect: { min_ms: 0, max_ms: moveMs } };
        const moved = await session.call<{ connections: number }>("POST", "v1/move", body);
        return `Moving away from ${node}: ${connectionsText(moved.connections)}.`;
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
        <DataTable label="Nodes" columns={["Node", "Connections", "Up for", "Since", ""]}>
          {value.nodes.map((each) => (
            <tr key={each.node}>
              <th scope="row">{each.node}</th>
              <td>{numberText(each.connections)}</td>
              <td>{sinceText(each.since)}</td>
              <td>{momentText(each.since)}</td>
              <td>
                <button
                  type="button"
                  className="button button--small"
                  aria-label={`Move clients… of ${each.node}`}
                  onClick={() => move(each)}
                >
                  Move clients…
                </button>
              </td>
            </tr>
          ))}
        </DataTable>
      )}
    </>
  );
}
