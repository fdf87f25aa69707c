import { requireDeliveryFits, tooManyDeliveries } from "../delivery-bounds.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  Deliveries,
  DeliveryBounds,
  FurtherAttempt,
  TakenDelivery,
  WaitingDelivery,
} from "../ports/deliveries.ts";

interface Waiting {
  content: string;
  /** Time at which it is due, in milliseconds of the monotonic clock. */
  dueAt: number;
  attempts: number;
  /** Number of the latest take, which is the claim of that attempt. */
  claim: number;
}

/**
 * Deliveries of one process.
 *
 * Those that wait are searched when some are taken, so a node takes them in turns of a second or more. Ids of finished
 * deliveries are forgotten in the order in which they were finished.
 */
export class MemoryDeliveries implements Deliveries {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();
  /** End of the memory of each finished id, in milliseconds of the monotonic clock. */
  readonly #finished = new Map<string, number>();
  #takes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async add(
    id: string,
    content: string,
    dueInMs: number,
    { maxWaiting }: DeliveryBounds,
  ): Promise<boolean> {
    requireDeliveryFits(id, content);
    const now = this.#clock.monotonic();
    this.#forget(now);
    if (this.#waiting.has(id) || this.#finished.has(id)) return false;
    if (this.#waiting.size >= maxWaiting) throw tooManyDeliveries();
    this.#waiting.set(id, { content, dueAt: now + dueInMs, attempts: 0, claim: 0 });
    return true;
  }

  async take(limit: number, leaseMs: number): Promise<readonly TakenDelivery[]> {
    const now = this.#clock.monotonic();
    const due = [...this.#waiting].filter(([, { dueAt }]) => dueAt <= now);
    due.sort(([, a], [, b]) => a.dueAt - b.dueAt);
    return due.slice(0, limit).map(([id, waiting]) => {
      waiting.dueAt = now + leaseMs;
      waiting.claim = ++this.#takes;
      const attempt = ++waiting.attempts;
      return { id, content: waiting.content, attempt, claim: String(waiting.claim) };
    });
  }

  async settle(
    { id, claim }: Pick<TakenDelivery, "id" | "claim">,
    further: FurtherAttempt | undefined,
    { maxWaiting, keepMs }: DeliveryBounds,
  ): Promise<boolean> {
    requireDeliveryFits(id, further?.content);
    const now = this.#clock.monotonic();
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || String(waiting.claim) !== claim) return false;
    if (further === undefined) {
      this.#waiting.delete(id);
      this.#finished.set(id, now + keepMs);
      this.#forget(now);
      for (const oldest of this.#finished.keys()) {
        if (this.#finished.size <= maxWaiting) break;
        this.#finished.delete(oldest);
      }
      return true;
    }
    waiting.dueAt = now + further.dueInMs;
    waiting.claim = 0;
    if (further.content !== undefined) {
      waiting.content = further.content;
      waiting.attempts = 0;
    }
    return true;
  }

  async list(limit: number, skip = 0): Promise<readonly WaitingDelivery[]> {
    const now = this.#clock.monotonic();
    const all = [...this.#waiting].sort(([, a], [, b]) => a.dueAt - b.dueAt);
    return all.slice(skip, skip + limit).map(([id, { content, attempts, dueAt, claim }]) => ({
      id,
      content,
      attempts,
      dueInMs: dueAt - now,
      isTaken: claim !== 0 && dueAt > now,
    }));
  }

  async hasten(id: string): Promise<boolean> {
    const now = this.#clock.monotonic();
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || (waiting.claim !== 0 && waiting.dueAt > now)) return false;
    waiting.dueAt = Math.min(waiting.dueAt, now);
    return true;
  }

  async count(): Promise<number> {
    return this.#waiting.size;
  }

  #forget(now: number): void {
    for (const [id, until] of this.#finished) {
      if (until > now) return;
      this.#finished.delete(id);
    }
  }
}
