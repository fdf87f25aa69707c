import { hashOf } from "./hash.ts";
import type { Recorder } from "./recorder.ts";

/** Place in the log where a first subscription begins. */
export type Beginning = "state" | "start" | "now" | { readonly last: number };

/** Returns the journal's text for a beginning; undefined for `state`. */
export function sinceText(since: Beginning): string | undefined {
  if (since === "state") return undefined;
  return typeof since === "string" ? since : `last ${since.last}`;
}

/** Answer to a subscribe, apart from its position. */
export interface Answer {
  readonly recovered?: boolean | undefined;
  /** True when the node answered from its memory. */
  readonly stale?: boolean | undefined;
  readonly reason?: string | undefined;
  /** Hash of the state in the answer. */
  readonly state?: string | undefined;
}

/**
 * Subscription as the journal knows it: the channel, where it begins, and the last position it received.
 *
 * A claim outlives reconnects and restarts; a subscribe after an unsubscribe is a new claim.
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

  /**
   * Place where the next subscription begins: the last position received, else the starting point of the first
   * subscription. Undefined when that is the current state.
   */
  get begin(): string | { readonly last: number } | undefined {
    return this.position ?? (this.since === "state" ? undefined : this.since);
  }

  /**
   * Records a subscribe that starts after `at`, or at the first subscription's starting point when `at` is
   * undefined.
   */
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

  /**
   * Records the answer to a subscribe; the position moves there unless a gap that ends there is still to come.
   */
  starts(position: string, { recovered, stale, reason, state }: Answer, moves = true): void {
    if (moves) this.position = position;
    this.#journal.add({
      type: "subscribed",
      subscriber: this.subscriber,
      position,
      ...(recovered === undefined ? {} : { recovered }),
      ...(stale === true ? { stale } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...(state === undefined ? {} : { state }),
    });
  }

  /** Records that the subscription waits for the operation of its channel. */
  waits(): void {
    this.#journal.add({ type: "pending", subscriber: this.subscriber });
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

  /** Records that the subscriber has left. */
  leaves(): void {
    this.#journal.add({ type: "left", subscriber: this.subscriber });
  }
}

/** Returns the hash of the state's data in a snapshot of `latest`. */
export function stateHash(snapshot: unknown): string {
  const { state } = (snapshot ?? {}) as { state?: { data?: unknown } | null };
  return hashOf(JSON.stringify(state?.data ?? null));
}
