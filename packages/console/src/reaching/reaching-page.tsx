import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import { momentText, numberText } from "../parts/words.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";

interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly users?: readonly string[];
  readonly when: string;
  readonly rules: Readonly<Record<string, boolean | number>>;
  readonly since: number;
}

interface Delivery {
  readonly id: string;
  readonly to: string;
  readonly target: string;
  readonly user: string;
  readonly about: string;
  readonly title: string;
  readonly attempts: number;
  readonly due_at: number;
  readonly sending: boolean;
}

interface DeadLetter {
  readonly id: string;
  readonly at: number;
  readonly channel: string;
  readonly reason: string;
  readonly attempts: number;
}

const pollMs = 3_000;
/** Number of messages, and of failures, that the page shows. */
const listed = 100;

/** Page with webhooks and pushes: which there are, what waits, what failed, and how to try again. */
export function ReachingPage() {
  const session = useSession();
  const hooks = usePolled<{ webhooks: readonly Webhook[] }>("v1/webhooks", pollMs);
  const waiting = usePolled<{ deliveries: readonly Delivery[]; waiting: number }>(
    `v1/deliveries?limit=${listed}`,
    pollMs,
  );
  const failed = usePolled<{ letters: readonly DeadLetter[] }>(
    `v1/dead-letters?reason=not_reached&limit=${listed}`,
    pollMs,
  );
  const { ask, dialog } = useConfirmation(() => {
    for (const list of [hooks, waiting, failed]) list.refresh();
  });
  const remove = ({ id, url }: Webhook) =>
    ask({
      title: "Remove this webhook?",
      text: (
        <p>
          <code>{url}</code> is not called any more. Messages that wait for it are dropped.
        </p>
      ),
      action: "Remove",
      async run() {
        await session.call("DELETE", `v1/webhooks/${encodeURIComponent(id)}`);
        return "The webhook was removed.";
      },
    });
  const hasten = ({ id, title }: Delivery) =>
    ask({
      title: "Send this message now?",
      text: <p>“{title}” is attempted within a second, and not only when it is due.</p>,
      action: "Send now",
      async run() {
        await session.call("POST", "v1/deliveries/retry", { id });
        return "The message is being sent.";
      },
    });
  const replay = ({ id }: DeadLetter) =>
    ask({
      title: "Send this message again?",
      text: <p>It was given up. It is attempted anew, as if it had just happened.</p>,
      action: "Send again",
      async run() {
        await session.call("POST", `v1/dead-letters/${encodeURIComponent(id)}/replay`);
        return "The message waits to be sent again.";
      },
    });
  return (
    <>
      <div className="head">
        <h1>Webhooks and push</h1>
      </div>
      {dialog}
      <h2>Webhooks</h2>
      <FailureNote error={hooks.error} />
      {hooks.value?.webhooks.length === 0 && <p role="status">There is no webhook.</p>}
      {hooks.value !== undefined && hooks.value.webhooks.length > 0 && (
        <DataTable label="Webhooks" columns={["Address", "About", "Users", "When", "Since", ""]}>
          {hooks.value.webhooks.map((each) => (
            <tr key={each.id}>
              <th scope="row">
                <code>{each.url}</code>
              </th>
              <td>{aboutText(each.rules)}</td>
              <td>{each.users?.join(", ") ?? "all"}</td>
              <td>{each.when}</td>
              <td>{momentText(each.since)}</td>
              <td>
                <button
                  type="button"
                  className="button button--small"
                  aria-label={`Remove… ${each.url}`}
                  onClick={() => remove(each)}
                >
                  Remove…
                </button>
              </td>
            </tr>
          ))}
        </DataTable>
      )}
      <h2>Messages that wait</h2>
      <FailureNote error={waiting.error} />
      {waiting.value?.deliveries.length === 0 && <p role="status">No message waits.</p>}
      {waiting.value !== undefined && waiting.value.deliveries.length > 0 && (
        <DataTable
          label="Messages that wait"
          columns={["Message", "User", "To", "Attempts", "Due", ""]}
        >
          {waiting.value.deliveries.map((each) => (
            <tr key={each.id}>
              <th scope="row">{`${each.about}: ${each.title}`}</th>
              <td>{each.user}</td>
              <td>{`${each.to} ${each.target}`}</td>
              <td>{numberText(each.attempts)}</td>
              <td>{each.sending ? "being sent" : momentText(each.due_at)}</td>
              <td>
                <button
                  type="button"
                  className="button button--small"
                  aria-label={`Send now… ${each.title}`}
                  onClick={() => hasten(each)}
                >
                  Send now…
                </button>
              </td>
            </tr>
          ))}
        </DataTable>
      )}
      <h2>Messages that were given up</h2>
      <FailureNote error={failed.error} />
      {failed.value?.letters.length === 0 && <p role="status">No message was given up.</p>}
      {failed.value !== undefined && failed.value.letters.length > 0 && (
        <DataTable
          label="Messages that were given up"
          columns={["Since", "User", "Reason", "Attempts", ""]}
        >
          {failed.value.letters.map((each) => (
            <tr key={each.id}>
              <th scope="row">{momentText(each.at)}</th>
              <td>{each.channel.replace(/^user:/, "")}</td>
              <td>{each.reason}</td>
              <td>{numberText(each.attempts)}</td>
              <td>
                <button type="button" className="button button--small" onClick={() => replay(each)}>
                  Send again…
                </button>
              </td>
            </tr>
          ))}
        </DataTable>
      )}
    </>
  );
}

function aboutText(rules: Webhook["rules"]): string {
  const named = Object.entries(rules).filter(([, value]) => value !== false);
  return named.length === 0
    ? "done, failed, question"
    : named.map(([name]) => name.replaceAll("_", " ")).join(", ");
}
