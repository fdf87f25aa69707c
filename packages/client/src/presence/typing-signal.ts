import type { Cancel, ClientClock } from "../runtime/clock.ts";

/** The service forgets who types after 6 seconds. */
const refreshMs = 3_000;
/** Whoever stops without saying so types no more after this. */
const idleMs = 5_000;

/** Whether one types: said when it begins and ends, kept up in between, ended by itself. */
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

  /** Says it at once if one types: the service may not know it. */
  again(): void {
    if (this.#idle === undefined) return;
    this.#refresh?.();
    this.#refresh = this.#clock.after(refreshMs, () => this.again());
    this.#say(true);
  }
}
