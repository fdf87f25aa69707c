import type { Publication } from "@milepost/protocol";
import { Deadline } from "../runtime/timer-wheel.ts";
import type { Subscriber } from "./subscriber.ts";

/** Reason why a waiter woke: what it waits for may exist (`look`), or the wait has ended (`over`). */
export type Wake = "look" | "over";

/**
 * Wait of a call for entries of one event. Wakes when the channel that carries them has one, and ends at its deadline or
 * with {@link end}.
 */
export class EventWaiter extends Deadline implements Subscriber {
  readonly shared = undefined;
  readonly #event: string;
  #notified = false;
  #over = false;
  #wake: (() => void) | undefined;

  /** Creates the wait for entries with this event. */
  constructor(event: string) {
    super();
    this.#event = event;
  }

  /** Resolves with the next reason to wake. Resolves at once if a reason arose since the last call. */
  async next(): Promise<Wake> {
    if (!this.#notified && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#notified = false;
    return this.#over ? "over" : "look";
  }

  /** Ends the wait. */
  readonly end = (): void => {
    this.#over = true;
    this.#wake?.();
  };

  onStart(): void {
    this.#check();
  }

  onFailed(): void {
    this.end();
  }

  onPublications(publications: readonly Publication[]): void {
    if (publications.some(({ event }) => event === this.#event)) this.#check();
  }

  onGap(): void {
    this.#check();
  }

  onReset(): void {
    this.#check();
  }

  onEnd(): void {
    this.end();
  }

  drained(): undefined {
    return undefined;
  }

  override onDue(): void {
    this.end();
  }

  #check(): void {
    this.#notified = true;
    this.#wake?.();
  }
}
