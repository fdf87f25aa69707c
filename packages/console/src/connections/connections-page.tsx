import { type FormEvent, useId, useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import { connectionsText, momentText, sinceText } from "../parts/words.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";

interface ConnectionView {
  readonly connection_id: string;
  readonly user_id?: string;
  readonly session_id?: string;
  readonly node: string;
  readonly consumer: string;
  readonly since: number;
}

const kinds = ["user", "session", "connection", "node"] as const;
type Kind = (typeof kinds)[number];

const pollMs = 5_000;
/** Number of connections that the page shows; the gateway lists at most 1,000. */
const shown = 200;

/** Page that finds connections and closes them, or revokes the tokens of their users. */
export function ConnectionsPage() {
  const session = useSession();
  const [kind, setKind] = useState<Kind>("user");
  const [text, setText] = useState("");
  const [search, setSearch] = useState<{ kind: Kind; text: string }>();
  const path =
    search === undefined
      ? undefined
      : `v1/connections?${new URLSearchParams({ [search.kind]: search.text })}`;
  const found = usePolled<{ connections: readonly ConnectionView[] }>(path, pollMs);
  const { ask, dialog } = useConfirmation(found.refresh);
  const field = useId();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "") return;
    setSearch({ kind, text: text.trim() });
    found.refresh();
  };
  const disconnect = (target: Readonly<Record<string, string>>, words: string) =>
    ask({
      title: `Disconnect ${words}?`,
      text: <p>The client is closed for good and does not reconnect by itself.</p>,
      action: "Disconnect",
      async run() {
        const body = { ...target, reason: "disconnected by an administrator" };
        const ended = await session.call<{ connections: number }>("POST", "v1/disconnect", body);
        return `Closed: ${connectionsText(ended.connections)}.`;
      },
    });
  const revoke = (user: string) =>
    ask({
      title: `Revoke the tokens of ${user}?`,
      text: (
        <p>
          Every token of this user that exists now ends on all nodes within 5 s. Tokens that are
          issued later are accepted.
        </p>
      ),
      action: "Revoke tokens",
      async run() {
        await session.call("POST", "v1/revoke", { user });
        return `The tokens of ${user} are revoked.`;
      },
    });

  const list = found.value?.connections;
  return (
    <>
      <div className="head">
        <h1>Connections</h1>
      </div>
      <form className="panel search" onSubmit={submit} aria-label="Search">
        <div className="field">
          <label htmlFor={`${field}-kind`}>Search by</label>
          <select
            id={`${field}-kind`}
            className="input"
            value={kind}
            onChange={({ target }) =>
              setKind(kinds.find((each) => each === target.value) ?? "user")
            }
          >
            {kinds.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </div>
        <div className="field search__text">
          <label htmlFor={`${field}-text`}>Id or name</label>
          <input
            id={`${field}-text`}
            className="input"
            value={text}
            autoComplete="off"
            spellCheck={false}
            onChange={({ target }) => setText(target.value)}
          />
        </div>
        <button type="submit" className="button button--go">
          Search
        </button>
      </form>
      <FailureNote error={found.error} />
      {dialog}
      {search !== undefined && list !== undefined && (
        <>
          <p role="status">
            {connectionsText(list.length)} of the {search.kind} {search.text}
            {list.length > shown && `, of which the first ${shown} are shown`}
          </p>
          {search.kind === "user" && list.length > 0 && (
            <div className="actions">
              <button
                type="button"
                className="button button--small"
                onClick={() => disconnect({ user: search.text }, `the user ${search.text}`)}
              >
                Disconnect the user…
              </button>
              <button
                type="button"
                className="button button--small"
                onClick={() => revoke(search.text)}
              >
                Revoke the user’s tokens…
              </button>
            </div>
          )}
          {list.length > 0 && (
            <DataTable
              label="Connections"
              columns={["Connection", "User", "Session", "Kind", "Node", "Open for", ""]}
            >
              {list.slice(0, shown).map((each) => (
                <tr key={each.connection_id}>
                  <th scope="row">
                    <code>{each.connection_id}</code>
                  </th>
                  <td>{each.user_id ?? "–"}</td>
                  <td>{each.session_id ?? "–"}</td>
                  <td>{each.consumer}</td>
                  <td>{each.node}</td>
                  <td title={momentText(each.since)}>{sinceText(each.since)}</td>
                  <td>
                    <button
                      type="button"
                      className="button button--small"
                      aria-label={`Disconnect… ${each.connection_id}`}
                      onClick={() =>
                        disconnect(
                          { connection: each.connection_id },
                          `the connection ${each.connection_id}`,
                        )
                      }
                    >
                      Disconnect…
                    </button>
                  </td>
                </tr>
              ))}
            </DataTable>
          )}
        </>
      )}
    </>
  );
}
