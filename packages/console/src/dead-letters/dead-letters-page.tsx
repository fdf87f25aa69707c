import { useId, useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import { momentText, numberText } from "../parts/words.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";

interface DeadLetter {
  readonly id: string;
  readonly at: number;
  readonly channel: string;
  readonly reason: string;
  readonly subscriber?: string;
  readonly attempts: number;
  readonly entry: { readonly event?: string; readonly data?: unknown };
}

interface Page {
  readonly letters: readonly DeadLetter[];
  readonly next?: string;
  readonly kept: number;
  readonly dropped: number;
}

const pollMs = 5_000;
/** Number of dead letters on one page. */
const listed = 50;
/** Number of characters of an entry that the page shows. */
const longestEntry = 10_000;

/** Page with the dead letters: what they hold, and how to replay or drop them. */
export function DeadLettersPage() {
  const session = useSession();
  const [channel, setChannel] = useState("");
  const [after, setAfter] = useState<string>();
  const [openId, setOpenId] = useState<string>();
  const query = new URLSearchParams({
    limit: String(listed),
    ...(channel.trim() !== "" && { channel: channel.trim() }),
    ...(after !== undefined && { after }),
  });
  const { value, error, refresh } = usePolled<Page>(`v1/dead-letters?${query}`, pollMs);
  const { ask, dialog } = useConfirmation(refresh);
  const field = useId();
  const replay = ({ id, channel: of }: DeadLetter) =>
    ask({
      title: "Replay this dead letter?",
      text: <p>Its entry is delivered again, to whom it did not reach on {of}.</p>,
      action: "Replay",
      async run() {
        const path = `v1/dead-letters/${encodeURIComponent(id)}/replay`;
        const { to } = await session.call<{ to: string }>("POST", path);
        return `The dead letter was replayed to its ${to}.`;
      },
    });
  const drop = ({ id }: DeadLetter) =>
    ask({
      title: "Drop this dead letter?",
      text: <p>It is deleted. Nobody receives its entry any more.</p>,
      action: "Drop",
      async run() {
        await session.call("DELETE", `v1/dead-letters/${encodeURIComponent(id)}`);
        return "The dead letter was dropped.";
      },
    });
  const opened = value?.letters.find(({ id }) => id === openId);
  return (
    <>
      <div className="head">
        <h1>Dead letters</h1>
      </div>
      <search className="panel search">
        <div className="field search__text">
          <label htmlFor={`${field}-channel`}>Channel</label>
          <input
            id={`${field}-channel`}
            className="input"
            autoComplete="off"
            spellCheck={false}
            value={channel}
            onChange={({ target }) => {
              setChannel(target.value);
              setAfter(undefined);
            }}
          />
        </div>
      </search>
      <FailureNote error={error} />
      {dialog}
      {value !== undefined && (
        <p role="status">
          {numberText(value.kept)} kept, {numberText(value.dropped)} dropped for want of room
        </p>
      )}
      {value !== undefined && value.letters.length > 0 && (
        <DataTable
          label="Dead letters"
          columns={["Since", "Channel", "Event", "Reason", "Subscriber", "Attempts", ""]}
        >
          {value.letters.map((each) => (
            <tr key={each.id} data-selected={each.id === openId}>
              <th scope="row">
                <button
                  type="button"
                  className="link"
                  aria-expanded={each.id === openId}
                  onClick={() => setOpenId(each.id === openId ? undefined : each.id)}
                >
                  {momentText(each.at)}
                </button>
              </th>
              <td>{each.channel}</td>
              <td>{each.entry.event ?? "–"}</td>
              <td>{each.reason}</td>
              <td>{each.subscriber ?? "–"}</td>
              <td>{numberText(each.attempts)}</td>
              <td>
                <div className="actions">
                  <button
                    type="button"
                    className="button button--small"
                    onClick={() => replay(each)}
                  >
                    Replay…
                  </button>
                  <button type="button" className="button button--small" onClick={() => drop(each)}>
                    Drop…
                  </button>
                </div>
              </td>
            </tr>
          ))}
        </DataTable>
      )}
      {value?.next !== undefined && (
        <div className="actions">
          <button
            type="button"
            className="button button--small"
            onClick={() => setAfter(value.next)}
          >
            Next page
          </button>
        </div>
      )}
      {opened !== undefined && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
        <section className="panel table" aria-label="Entry" tabIndex={0}>
          <pre>{JSON.stringify(opened.entry, undefined, 2).slice(0, longestEntry)}</pre>
        </section>
      )}
    </>
  );
}
