import type { Cancel, ClientClock } from "../runtime/clock.ts";

/**
 * Interval at which the typing signal is repeated, in milliseconds. The gateway ends a member's typing 6
 * seconds after the last signal.
 */
const refreshMs = 3_000;
/** Time without a call after which typing ends, in milliseconds. */
const idleMs = 5_000;

/**
 * Typing state of this client's member. It sends a signal when typing begins and ends, repeats it in between,
 * and ends the typing after a pause of 5 seconds.
 */
export class TypingSignal {
  readonly #clock: ClientClock;
  readonly #say: (typing: boolean) => void;
  #refresh: Cancel | undefined;
  #idle: Cancel | undefined;

  constructor(clock: ClientClock, say: (typing: boolean) => void) {
    this.#clock = clock;
    this.#say = say;
  }

  set(typing: boolean): void {
    this.#idle?.();
    this.#idle = undefined;
    if (!typing) {
      if (this.#refresh === undefined) return;
      this.#refresh();
      this.#refresh = undefined;
      this.#say(false);
      return;
    }
    this.#idle = this.#clock.after(idleMs, () => this.set(false));
    if (this.#refresh === undefined) this.again();
  }

  /** Sends the signal at once if the member types, because the gateway may not know it. */
  again(): void {
    if (this.#idle === undefined) return;
    this.#refresh?.();
    this.#refresh = this.#clock.after(refreshMs, () => this.again());
    this.#say(true);
  }
}
