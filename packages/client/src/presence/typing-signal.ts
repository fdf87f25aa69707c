import type { Cancel, ClientClock } from "../runtime/clock.ts";

/** Interval of the refresh, in milliseconds; the gateway forgets a typing member after 6 seconds. */
const refreshMs = 3_000;
/** Time without a call after which typing ends, in milliseconds. */
const idleMs = 5_000;

/** Typing state of this member: sent when it begins and ends, refreshed in between, and ended after a pause. */
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
