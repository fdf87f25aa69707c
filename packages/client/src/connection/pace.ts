/** Number of frames, and time between the first and the last of them in milliseconds, that make a pace. */
const leastFrames = 5;
const leastSpanMs = 1_000;
/** Number of gaps that the mean follows. */
const memory = 8;
/** A silence is unusual when it is this many times as long as the mean gap, and at least `leastSilenceMs` long. */
const unusual = 10;
const leastSilenceMs = 3_000;

/** Pace of the frames that arrive on a connection, from which follows how long a silence is usual. */
export class Pace {
  /** Time of the last frame on the monotonic clock, in milliseconds. */
  lastAt = 0;
  #frames = 0;
  #firstAt = 0;
  #meanMs = 0;

  /** Records a frame. */
  frame(now: number): void {
    if (this.#frames === 0) this.#firstAt = now;
    else this.#meanMs += (now - this.lastAt - this.#meanMs) / Math.min(this.#frames, memory);
    this.#frames++;
    this.lastAt = now;
  }

  /** Forgets the pace, so that only new frames make one. */
  forget(): void {
    this.#frames = 0;
    this.#meanMs = 0;
  }

  /** Longest usual silence in milliseconds; Infinity while the frames are too few to tell. */
  get usualSilenceMs(): number {
    const has = this.#frames >= leastFrames && this.lastAt - this.#firstAt >= leastSpanMs;
    return has ? Math.max(leastSilenceMs, unusual * this.#meanMs) : Number.POSITIVE_INFINITY;
  }
}
