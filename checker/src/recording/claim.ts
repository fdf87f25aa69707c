import { hashOf } from "./hash.ts";
import type { Recorder } from "./recorder.ts";

/** Where a first subscription begins. */
export type Beginning = "state" | "start" | "now" | { readonly last: number };

/** The words a journal has for it. */
export function sinceText(since: Beginning): string | undefined {
  if (since === "state") return undefined;
  return typeof since === "string" ? since : `last ${since.last}`;
}

/** What an answer to a subscribe says besides the position. */
export interface Answer {
  readonly recovered?: boolean | undefined;
  readonly reason?: string | undefined;
  /** Hash of the state that came with it. */
  readonly state?: string | undefined;
}

/**
 * One subscription as the journal knows it: what somebody wants of a channel, and the last position it was given.
 *
 * It lives on over reconnects and restarts; a subscribe after an unsubscribe is another one.
 */
export class Claim {
  readonly channel: string;
  readonly since: Beginning;
  readonly events: readonly string[] | undefined;
  readonly subscriber: string;
  position: string | undefined;
  readonly #journal: Recorder;

  constructor(
    journal: Recorder,
    subscriber: string,
    channel: string,
    since: Beginning,
    events: readonly string[] | undefined,
  ) {
    this.#journal = journal;
    this.subscriber = subscriber;
    this.channel = channel;
    this.since = since;
    this.events = events;
  }

  /** Where to begin: after what it has, or where it was to begin the first time. */
  get begin(): string | { readonly last: number } | undefined {
    return this.position ?? (this.since === "state" ? undefined : this.since);
  }

  /** Asks for the channel after `at`; without it, where it was to begin. */
  asks(at: string | undefined, allowed = true): void {
    const { subscriber, channel, events } = this;
    const since = at ?? sinceText(this.since);
    this.#journal.add({
      type: "subscribe",
      subscriber,
      channel,
      ...(since === undefined ? {} : { since }),
      ...(events === undefined ? {} : { events }),
      ...(allowed ? {} : { allowed }),
    });
  }

  /** It was answered; the position moves there unless a gap that names it is still to come. */
  starts(position: string, { recovered, reason, state }: Answer, moves = true): void {
    if (moves) this.position = position;
    this.#journal.add({
      type: "subscribed",
      subscriber: this.subscriber,
      position,
      ...(recovered === undefined ? {} : { recovered }),
      ...(reason === undefined ? {} : { reason }),
      ...(state === undefined ? {} : { state }),
    });
  }

  takes(position: string, event: string, data: unknown): void {
    const { subscriber } = this;
    const hash = hashOf(JSON.stringify(data));
    this.#journal.add({ type: "delivery", subscriber, position, event, hash });
    this.position = position;
  }

  lacks(from: string, to: string, reason: string): void {
    this.#journal.add({ type: "gap", subscriber: this.subscriber, from, to, reason });
    this.position = to;
  }

  isReset(position: string, reason: string, state: string): void {
    this.#journal.add({ type: "reset", subscriber: this.subscriber, position, reason, state });
    this.position = position;
  }

  /** It claims nothing any more. */
  leaves(): void {
    this.#journal.add({ type: "left", subscriber: this.subscriber });
  }
}

/** The hash of a state's data, as it stands in a snapshot of `latest`. */
export function stateHash(snapshot: unknown): string {
  const { state } = (snapshot ?? {}) as { state?: { data?: unknown } | null };
  return hashOf(JSON.stringify(state?.data ?? null));
}
