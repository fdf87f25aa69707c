import type { Publication } from "@milepost/protocol";
import type { Subscriber } from "../hub/subscriber.ts";
import { Deadline } from "../runtime/timer-wheel.ts";

/** Why a waiter woke: something may be there, or the waiting is over. */
export type Wake = "look" | "over";

/** Waits for commands: reads the channel they are told on, and has an end. */
export class CommandWaiter extends Deadline implements Subscriber {
  readonly shared = undefined;
  #notified = false;
  #over = false;
  #wake: (() => void) | undefined;

  /** Resolves with the next reason to look, at once when there was one since. */
  async next(): Promise<Wake> {
    if (!this.#notified && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#notified = false;
    return this.#over ? "over" : "look";
  }

  /** Ends the waiting. */
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
