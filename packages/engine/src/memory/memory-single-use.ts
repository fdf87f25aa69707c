import { MilepostError } from "@milepost/protocol";
import type { Clock } from "../ports/clock.ts";
import { maxSingleUseName, type SingleUse } from "../ports/single-use.ts";

/** Names of one space that may be remembered at a time. They need about 30 MB at most. */
const defaultMaxNames = 250_000;
/** Shortest time between two searches of a full space for names to forget, in milliseconds. */
const searchIntervalMs = 1_000;

/**
 * Used names of one process. A space that is full refuses claims; it never forgets a name early.
 *
 * Each claim looks at the two names that were looked at longest ago and forgets those that have ended. So a space
 * shrinks as it is used, whatever the order in which its names end, and needs no timer.
 */
export class MemorySingleUse implements SingleUse {
  readonly #clock: Clock;
  readonly #maxNames: number;
  readonly #spaces = new Map<string, Space>();

  constructor(clock: Clock, maxNames: number = defaultMaxNames) {
    this.#clock = clock;
    this.#maxNames = maxNames;
  }

  async claim(spaceName: string, name: string, ttlMs: number): Promise<boolean> {
    if (name.length > maxSingleUseName) {
      throw new MilepostError(
        "bad_message",
        `a name that is used once has at most ${maxSingleUseName} characters`,
      );
    }
    const now = this.#clock.monotonic();
    const space = this.#space(spaceName);
    forgetSome(space, now);
    const until = space.names.get(name);
    if (until !== undefined && until > now) return false;
    space.names.delete(name);
    if (space.names.size >= this.#maxNames) this.#makeRoom(space, now);
    space.names.set(name, now + ttlMs);
    return true;
  }

  #space(name: string): Space {
    let space = this.#spaces.get(name);
    if (space === undefined) {
      space = { names: new Map(), searchAt: 0 };
      this.#spaces.set(name, space);
    }
    return space;
  }

  #makeRoom(space: Space, now: number): void {
    if (now >= space.searchAt) {
      space.searchAt = now + searchIntervalMs;
      for (const [name, until] of space.names) if (until <= now) space.names.delete(name);
    }
    if (space.names.size < this.#maxNames) return;
    throw new MilepostError(
      "rate_limited",
      `this node remembers ${this.#maxNames} used names already; try again later`,
    );
  }
}

interface Space {
  /** End of each name, in milliseconds of the monotonic clock. */
  readonly names: Map<string, number>;
  /** Earliest time of the next search for ended names. */
  searchAt: number;
}

function forgetSome({ names }: Space, now: number): void {
  for (let looked = 0; looked < 2; looked++) {
    const [oldest] = names;
    if (oldest === undefined) return;
    const [name, until] = oldest;
    names.delete(name);
    if (until > now) names.set(name, until);
  }
}
