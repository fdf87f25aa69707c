import { fullAfter, type Rate, waitFor } from "./bucket.ts";
import type { Forgettable } from "./bucket-table.ts";
import type { TrafficKind } from "./traffic-names.ts";

/** Amount of each kind of traffic. */
export type Amount = Readonly<Record<TrafficKind, number>>;

/** Rates of a scope; a kind without a rate is not limited. */
export type Rates = { readonly [Kind in TrafficKind]?: Rate };

/** Longest time that a bucket stays empty because of bytes that were sent to the client, in milliseconds. */
const maxDebtMs = 2_000;

/** Usage of one connection, session, user or node: a token bucket of each kind of traffic. */
export class Usage implements Forgettable {
  #messages = 0;
  #bytes = 0;
  #control = 0;
  /** Turn of the event loop in which work was done last, and how much; see {@link Turns}. */
  turn = 0;
  spent = 0;

  isFresh(now: number): boolean {
    return this.#messages <= now && this.#bytes <= now && this.#control <= now;
  }

  /** Returns the kind that has no room for its amount; undefined if all have. */
  lacking(
    { messages, bytes, control }: Amount,
    rates: Rates,
    now: number,
  ): TrafficKind | undefined {
    if (lacks(this.#messages, messages, rates.messages, now)) return "messages";
    if (lacks(this.#bytes, bytes, rates.bytes, now)) return "bytes";
    return lacks(this.#control, control, rates.control, now) ? "control" : undefined;
  }

  /** Returns the time until the kind has room for its amount, in milliseconds. */
  waitMs(kind: TrafficKind, amount: Amount, rates: Rates, now: number): number {
    const rate = rates[kind];
    return rate === undefined ? 0 : waitFor(this.#fullAt(kind), amount[kind], rate, now);
  }

  /** Takes an amount of each kind, even without room for it. */
  take({ messages, bytes, control }: Amount, rates: Rates, now: number): void {
    if (rates.messages !== undefined && messages > 0)
      this.#messages = fullAfter(this.#messages, messages, rates.messages, now);
    if (rates.bytes !== undefined && bytes > 0)
      this.#bytes = fullAfter(this.#bytes, bytes, rates.bytes, now);
    if (rates.control !== undefined && control > 0)
      this.#control = fullAfter(this.#control, control, rates.control, now);
  }

  /**
   * Adds bytes that were sent already. They leave the bucket empty for {@link maxDebtMs} at most, however many they are,
   * since a single answer must not make a client look like one that never stops.
   */
  owe(bytes: number, { bytes: rate }: Rates, now: number): void {
    if (rate === undefined) return;
    const latest = now + (rate.burst * 1_000) / rate.perSecond + maxDebtMs;
    this.#bytes = Math.max(this.#bytes, Math.min(fullAfter(this.#bytes, bytes, rate, now), latest));
  }

  #fullAt(kind: TrafficKind): number {
    if (kind === "messages") return this.#messages;
    return kind === "bytes" ? this.#bytes : this.#control;
  }
}

function lacks(fullAt: number, amount: number, rate: Rate | undefined, now: number): boolean {
  // A bucket that is full has room for any amount.
  return rate !== undefined && amount > 0 && fullAt > now && waitFor(fullAt, amount, rate, now) > 0;
}
