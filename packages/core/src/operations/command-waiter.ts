import type { Publication } from "@milepost/protocol";
import type { Reader } from "../hub/reader.ts";
import { Deadline } from "../runtime/timer-wheel.ts";

/** Why a waiter woke: something may be there, or the waiting is over. */
export type Wake = "look" | "over";

/** Waits for commands: reads the channel they are told on, and has an end. */
export class CommandWaiter extends Deadline implements Reader {
  readonly shared = undefined;
  #news = false;
  #over = false;
  #wake: (() => void) | undefined;

  /** Resolves with the next reason to look, at once when there was one since. */
  async next(): Promise<Wake> {
    if (!this.#news && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#news = false;
    return this.#over ? "over" : "look";
  }

  /** Ends the waiting. */
  readonly end = (): void => {
    this.#over = true;
    this.#wake?.();
  };

  onStart(): void {
    this.#look();
  }

  onFailed(): void {
    this.end();
  }

  onPublications(publications: readonly Publication[]): void {
    if (publications.some(({ event }) => event === "command")) this.#look();
  }

  onGap(): void {
    this.#look();
  }

  onReset(): void {
    this.#look();
  }

  onEnd(): void {
    this.end();
  }

  room(): undefined {
    return undefined;
  }

  override onDue(): void {
    this.end();
  }

  #look(): void {
    this.#news = true;
    this.#wake?.();
  }
}
