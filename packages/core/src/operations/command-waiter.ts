import type { Publication } from "@milepost/protocol";
import type { Subscriber } from "../hub/subscriber.ts";
import { Deadline } from "../runtime/timer-wheel.ts";

/** Reason why a waiter woke: there may be something new, or the wait has ended. */
export type Wake = "look" | "over";

/** Waits for commands: subscribes to the channel that signals them, until its deadline or {@link end}. */
export class CommandWaiter extends Deadline implements Subscriber {
  readonly shared = undefined;
  #notified = false;
  #over = false;
  #wake: (() => void) | undefined;

  /** Resolves with the next reason to wake, at once if there was one since the last call. */
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
