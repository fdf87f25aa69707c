import { useChannel } from "@milepost/react";
import { useRef, useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { clockText, momentText } from "../parts/words.ts";

/** Number of entries that the tail shows; older ones are dropped. */
const shown = 100;
/** Number of entries before the present with which the tail begins. */
const before = 20;
/** Number of characters of the data that a row shows. */
const longestData = 300;

/** Live entries of one channel, the latest first, with a button that holds them still. */
export function ChannelTail({ channel }: { readonly channel: string }) {
  const { events, status, error, end, gap } = useChannel(channel, {
    since: { last: before },
    limit: shown,
  });
  const [isPaused, setPaused] = useState(false);
  const held = useRef(events);
  if (!isPaused) held.current = events;
  const rows = [...held.current].reverse();
  const missed = events.filter((event) => !held.current.includes(event)).length;
  return (
    <section className="detail" aria-label={`Tail of ${channel}`}>
      <div className="actions">
        <h2>Live tail</h2>
        <span className="soft small" role="status">
          {isPaused ? `paused, ${missed} newer` : status}
          {end !== undefined && `, ended: ${end.reason}`}
          {gap !== undefined && ", with a gap"}
        </span>
        <button
          type="button"
          className="button button--small"
          aria-pressed={isPaused}
          onClick={() => setPaused(!isPaused)}
        >
          Pause
        </button>
      </div>
      <FailureNote error={error?.message} />
      {rows.length === 0 ? (
        <p className="soft">No entry yet.</p>
      ) : (
        <DataTable label="Entries" columns={["Time", "Event", "Data", "Position"]}>
          {rows.map(({ position, source, event, ts, data }) => (
            <tr key={`${source ?? ""} ${position}`}>
              <td title={momentText(ts)}>{clockText(ts)}</td>
              <td>{event}</td>
              <td>
                <code>{(JSON.stringify(data) ?? "").slice(0, longestData)}</code>
              </td>
              <td>
                <code className="soft">{position}</code>
              </td>
            </tr>
          ))}
        </DataTable>
      )}
    </section>
  );
}
