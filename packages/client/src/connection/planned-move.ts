import { isRecord } from "@milepost/protocol";
import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { Advice, Backoff } from "./backoff.ts";

/** Parts of the connection that a planned move uses. */
interface PlannedMoveParts {
  readonly backoff: Backoff;
  readonly clock: ClientClock;
  readonly schedule: Schedule;
}

/**
 * Reconnect at a random moment of the span that the gateway announced, so that the clients of a node do not all
 * reconnect at once.
 */
export class PlannedMove {
  readonly #parts: PlannedMoveParts;
  #planned: { readonly at: number; readonly cancel: Cancel } | undefined;

  constructor(parts: PlannedMoveParts) {
    this.#parts = parts;
  }

  /** Time until the move, in milliseconds; undefined if none is planned. */
  get leftMs(): number | undefined {
    const planned = this.#planned;
    return planned && Math.max(0, planned.at - this.#parts.clock.monotonic());
  }

  /** Plans a move, in place of any earlier one. `reconnect` is the span as the gateway sent it. */
  plan(reconnect: unknown, run: () => void): void {
    const { backoff, schedule, clock } = this.#parts;
    const advice = readAdvice(reconnect);
    const delayMs = advice === undefined ? backoff.delayMs(1) : backoff.withinMs(advice);
    this.cancel();
    this.#planned = { at: clock.monotonic() + delayMs, cancel: schedule.after(delayMs, run) };
  }

  cancel(): void {
    this.#planned?.cancel();
    this.#planned = undefined;
  }
}

function readAdvice(reconnect: unknown): Advice | undefined {
  if (!isRecord(reconnect)) return undefined;
  const { min_ms: minMs, max_ms: maxMs } = reconnect;
  if (typeof minMs !== "number" || typeof maxMs !== "number" || !(minMs >= 0)) return undefined;
  return { minMs, maxMs: Math.max(minMs, maxMs) };
}
