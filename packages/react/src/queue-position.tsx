"use client";
import type { QueueTicket, WaitRange } from "@milepost/model";
import type { ReactNode } from "react";
import { useQueue } from "./use-queue.ts";

/** Texts of a {@link QueuePosition}. */
export interface QueueTexts {
  /** Heading of the region, for screen readers. */
  readonly label: string;
  readonly waiting: (position: number, total: number) => string;
  /** Estimated wait; `undefined` while nothing is known. */
  readonly wait: (range: WaitRange | undefined) => string;
  readonly running: string;
  /** Text for a ticket that has ended: `finished`, `failed`, `left` or `gone`. */
  readonly ended: (status: QueueTicket["status"]) => string;
  readonly leave: string;
}

/** English texts of a {@link QueuePosition}. */
export const englishQueueTexts: QueueTexts = {
  label: "Queue",
  waiting: (position, total) =>
    position === 1 ? "You are next" : `You are number ${position} of ${total}`,
  wait: (range) => (range === undefined ? "The wait is not known yet" : `About ${spanOf(range)}`),
  running: "It is your turn",
  ended: (status) => endings[status],
  leave: "Leave the queue",
};

const endings: Readonly<Record<QueueTicket["status"], string>> = {
  waiting: "",
  running: "",
  finished: "Done",
  failed: "It could not be done",
  left: "You have left the queue",
  gone: "You were away for too long; join again",
};

/** Props of a {@link QueuePosition}. */
export interface QueuePositionProps {
  readonly queue: string;
  readonly texts?: QueueTexts;
}

/**
 * The person's place in a queue: position, estimated wait as a range, and a button to leave. Renders nothing while the person has
 * no ticket. A screen reader hears changes politely.
 */
export function QueuePosition({ queue, texts = englishQueueTexts }: QueuePositionProps): ReactNode {
  const { ticket, leave } = useQueue(queue);
  if (ticket === undefined) return null;
  const { status, position, total, estimated_wait: wait } = ticket;
  return (
    <section className="mp-queue" data-status={status} aria-label={texts.label}>
      <p className="mp-queue-place" role="status">
        {status === "waiting"
          ? texts.waiting(position, total)
          : status === "running"
            ? texts.running
            : texts.ended(status)}
      </p>
      {status === "waiting" && (
        <>
          <p className="mp-queue-wait">{texts.wait(wait ?? undefined)}</p>
          <button
            type="button"
            className="mp-button mp-small"
            onClick={() => void leave().catch(() => {})}
          >
            {texts.leave}
          </button>
        </>
      )}
    </section>
  );
}

/** Returns a range for people: `1–2 min`, `20–45 s`. */
function spanOf({ p50_ms: low, p90_ms: high }: WaitRange): string {
  if (high < 90_000)
    return between(Math.max(1, Math.round(low / 1_000)), Math.ceil(high / 1_000), "s");
  return between(Math.max(1, Math.round(low / 60_000)), Math.ceil(high / 60_000), "min");
}

function between(low: number, high: number, unit: string): string {
  return low >= high ? `${high} ${unit}` : `${low}–${high} ${unit}`;
}
