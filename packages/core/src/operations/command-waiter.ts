import type { Publication } from "@milepost/protocol";
import type { Subscriber } from "../hub/subscriber.ts";
import { Deadline } from "../runtime/timer-wheel.ts";

/** Reason why a waiter woke: new commands may exist (`look`), or the wait has ended (`over`). */
export type Wake = "look" | "over";

/**
 * Wait for commands. Wakes when the channel that signals new commands has an entry, and ends at its deadline or
 * with {@link end}.
 */
export class CommandWaiter extends Deadline implements Subscriber {
  readonly shared = undefined;
  #notified = false;
  #over = false;
  #wake: (() => void) | undefined;

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
    if (publications.some(({ event }) => event === "command")) this.#check();
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
