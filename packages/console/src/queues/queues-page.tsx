import type { QueueList } from "@milepost/model";
import { useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { Pager } from "../parts/pager.tsx";
import { numberText } from "../parts/words.ts";
import { usePolled } from "../session/use-polled.ts";
import { QueueDetail } from "./queue-detail.tsx";

const pollMs = 3_000;
/** Number of queues on one page. */
const listed = 50;

/** Page with the queues, and one of them with its lanes, its figures and its capacity. */
export function QueuesPage() {
  const { value, error } = usePolled<QueueList>("v1/queues", pollMs);
  const [selected, setSelected] = useState<string>();
  const [from, setFrom] = useState(0);
  const queues = value?.queues ?? [];
  return (
    <>
      <div className="head">
        <h1>Queues</h1>
      </div>
      <FailureNote error={error} />
      {selected !== undefined && (
        <QueueDetail key={selected} name={selected} onClose={() => setSelected(undefined)} />
      )}
      {value !== undefined && queues.length === 0 && <p role="status">There is no queue.</p>}
      {queues.length > 0 && (
        <DataTable label="Queues" columns={["Queue", "Waiting", "Running", "Capacity"]}>
          {queues.slice(from, from + listed).map(({ queue, waiting, running, capacity_now }) => (
            <tr key={queue} data-selected={queue === selected}>
              <th scope="row">
                <button
                  type="button"
                  className="link"
                  aria-expanded={queue === selected}
                  onClick={() => setSelected(queue)}
                >
                  {queue}
                </button>
              </th>
              <td>{numberText(waiting)}</td>
              <td>{numberText(running)}</td>
              <td>{numberText(capacity_now)}</td>
            </tr>
          ))}
        </DataTable>
      )}
      <Pager
        isFirst={from === 0}
        hasNext={queues.length > from + listed}
        onFirst={() => setFrom(0)}
        onNext={() => setFrom(from + listed)}
      />
    </>
  );
}
