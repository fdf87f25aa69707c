import { useRef } from "react";
import { Facts } from "../parts/facts.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import { momentText, numberText, spanText } from "../parts/words.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";
import { ChannelTail } from "./channel-tail.tsx";

interface ChannelInsight {
  readonly channel: string;
  readonly node: string;
  readonly readers: number;
  readonly position?: string;
  readonly entries: number;
  readonly appended: number;
  readonly ended?: { readonly at: number; readonly reason: string };
  readonly projection?: string;
  readonly retention: { readonly max_entries: number; readonly max_age_ms: number };
  readonly rule: { readonly pattern: string; readonly origin: string; readonly index: number };
}

const pollMs = 2_000;

/** Facts of one channel, its live tail, and the button that deletes its log. */
export function ChannelDetail({
  channel,
  onClose,
}: {
  readonly channel: string;
  readonly onClose: () => void;
}) {
  const session = useSession();
  const { value, error, refresh } = usePolled<ChannelInsight>(
    `v1/channels/${encodeURIComponent(channel)}`,
    pollMs,
  );
  const rate = useRate(value?.appended);
  const { ask, dialog } = useConfirmation(refresh);
  const purge = () =>
    ask({
      title: `Delete the log of ${channel}?`,
      text: (
        <p>
          Its entries are gone for everybody. Subscribers are reset, and the next publish begins a
          new log.
        </p>
      ),
      action: "Delete the log",
      async run() {
        await session.call("DELETE", `v1/channels/${encodeURIComponent(channel)}`);
        return `The log of ${channel} was deleted.`;
      },
    });
  return (
    <section className="detail" aria-label={`Channel ${channel}`}>
      <div className="actions">
        <code>{channel}</code>
        <div className="actions">
          <button type="button" className="button button--small" onClick={purge}>
            Delete the log…
          </button>
          <button type="button" className="button button--small" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
      {dialog}
      <FailureNote error={error} />
      {value !== undefined && (
        <Facts
          label={`Facts of ${channel}`}
          facts={[
            ["Head", value.position ?? "no log"],
            [`Readers at ${value.node}`, numberText(value.readers)],
            ["Rate", rate === undefined ? "…" : `${numberText(rate)} a second`],
            [
              "Entries kept",
              `${numberText(value.entries)} of ${numberText(value.retention.max_entries)}`,
            ],
            ["Kept for", spanText(value.retention.max_age_ms)],
            ["Projection", value.projection ?? "none"],
            ["Rule", `${value.rule.pattern} (${value.rule.origin} ${value.rule.index + 1})`],
            ["Ended", value.ended && `${momentText(value.ended.at)}: ${value.ended.reason}`],
          ]}
        />
      )}
      <ChannelTail channel={channel} />
    </section>
  );
}

/** Returns how much a count grows per second, over the last looks; undefined before the second one. */
function useRate(count: number | undefined): number | undefined {
  const looks = useRef<{ readonly at: number; readonly count: number }[]>([]);
  const last = looks.current.at(-1);
  if (
    count !== undefined &&
    (last === undefined || last.count !== count || performance.now() - last.at >= pollMs)
  ) {
    // A smaller count is that of a new log.
    if (last !== undefined && count < last.count) looks.current = [];
    looks.current = [...looks.current, { at: performance.now(), count }].slice(-5);
  }
  const [first] = looks.current;
  const newest = looks.current.at(-1);
  if (first === undefined || newest === undefined || first === newest) return undefined;
  return (newest.count - first.count) / ((newest.at - first.at) / 1_000);
}
