import type { Clock } from "@milepost/engine";

/** Work that one client may have done in one turn of the event loop. A publish or an ack is one unit. */
const unitsPerTurn = 16;

/** Count of the work that a client had done in a turn. */
export interface TurnShare {
  turn: number;
  spent: number;
}

/**
 * Turns of the node's event loop. In each turn a client may have a bounded amount of work done; the rest waits for the
 * next turn, so that other clients get theirs.
 */
export class Turns {
  readonly #clock: Pick<Clock, "soon">;
  #turn = 1;
  #ends = false;
  #waiting: (() => void)[] = [];

  constructor(clock: Pick<Clock, "soon">) {
    this.#clock = clock;
  }

  /**
   * Takes `units` of work from the client's share of this turn; returns false if the share does not have them. Work
   * that is larger than a share needs a whole one.
   */
  take(share: TurnShare, units: number): boolean {
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.spent = 0;
      this.#endSoon();
    }
    if (share.spent > 0 && share.spent + units > unitsPerTurn) return false;
    share.spent += units;
    return true;
  }

  /** Calls `work` in the next turn. */
  next(work: () => void): void {
    this.#waiting.push(work);
    this.#endSoon();
  }

  #endSoon(): void {
    if (this.#ends) return;
    this.#ends = true;
    this.#clock.soon(this.#end);
  }

  readonly #end = (): void => {
    this.#ends = false;
    this.#turn++;
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) work();
  };
}
