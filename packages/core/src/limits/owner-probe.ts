/** Probe of one owner that is under way, and the connects that wait for it. */
export class OwnerProbe {
  #room: number;
  #waiting: ((hasEnded: boolean) => void)[] = [];
  #hasEnded = false;

  /** Creates a probe for which up to `room` connects may wait. */
  constructor(room: number) {
    this.#room = room;
  }

  /** Returns false if enough connects wait already. */
  enter(): boolean {
    if (this.#room === 0) return false;
    this.#room--;
    return true;
  }

  /** Resolves when a connection of the owner has ended, with false; or when the probe has ended, with true. */
  next(): Promise<boolean> {
    if (this.#hasEnded) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Wakes the waiting connects, because a connection of the owner has ended. */
  freed(): void {
    this.#wake(false);
  }

  /** Ends the probe, and wakes the waiting connects. */
  end(): void {
    this.#hasEnded = true;
    this.#wake(true);
  }

  #wake(hasEnded: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(hasEnded);
  }
}
