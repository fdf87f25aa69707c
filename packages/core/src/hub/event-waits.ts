import type { RuleBook } from "../rules/rule-book.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { EventWaiter } from "./event-waiter.ts";
import type { Hub } from "./hub.ts";

/** Parts of the node that {@link EventWaits} uses. */
export interface EventWaitsContext {
  readonly hub: Hub;
  readonly wheel: TimerWheel;
  readonly rules: RuleBook;
}

/** Waits of calls for something that an event of a channel announces. */
export class EventWaits {
  readonly #context: EventWaitsContext;
  readonly #waiters = new Set<EventWaiter>();
  #closed = false;

  constructor(context: EventWaitsContext) {
    this.#context = context;
  }

  /**
   * Returns what `look` finds, at once or after an event of the channel. Returns an empty list after `waitMs`
   * milliseconds, or when the signal aborts.
   */
  async until<Item>(
    look: () => Promise<readonly Item[]>,
    { channel, event }: { readonly channel: string; readonly event: string },
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Item[]> {
    const first = await look();
    if (first.length > 0 || waitMs <= 0 || this.#closed || signal?.aborted === true) return first;
    const { hub, wheel, rules } = this.#context;
    const waiter = new EventWaiter(event);
    this.#waiters.add(waiter);
    wheel.set(waiter, waitMs);
    signal?.addEventListener("abort", waiter.end, { once: true });
    const member = hub.join(rules.of(channel), waiter, "now");
    try {
      // The subscription wakes the waiter when it starts. The look-up then finds what came after the first one.
      while ((await waiter.next()) === "look") {
        const found = await look();
        if (found.length > 0) return found;
      }
      return [];
    } finally {
      member.leave();
      wheel.clear(waiter);
      signal?.removeEventListener("abort", waiter.end);
      this.#waiters.delete(waiter);
    }
  }

  /** Ends all waits. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.end();
  }
}
