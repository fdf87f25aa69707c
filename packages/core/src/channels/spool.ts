import type { Clock } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";

const maxEntries = 1_000;
const maxLength = 4 * 1_048_576;
const patienceMs = 30_000;
const retryMs = 250;

/**
 * Keeps publishes through an outage of the store, as many as a node may keep: each is tried again until it is
 * stored or has waited 30 s.
 *
 * Nothing is acknowledged before it is stored. Who is refused is told `store_unavailable`, and that it may be stored
 * all the same: repeating it with its key creates nothing twice.
 */
export class Spool {
  readonly #clock: Clock;
  readonly #pause: (ms: number) => Promise<void>;
  #entries = 0;
  #length = 0;

  constructor(clock: Clock, pause: (ms: number) => Promise<void>) {
    this.#clock = clock;
    this.#pause = pause;
  }

  /** How many publishes wait for the store. */
  get size(): number {
    return this.#entries;
  }

  /** Makes room for a publish of so many characters; false when there is none. */
  enter(length: number): boolean {
    if (this.#entries >= maxEntries || this.#length + length > maxLength) return false;
    this.#entries++;
    this.#length += length;
    return true;
  }

  /** Gives the room back. */
  leave(length: number): void {
    this.#entries--;
    this.#length -= length;
  }

  /** Appends as soon as the store takes it. */
  async append<T>(append: () => Promise<T>, since: number): Promise<T> {
    for (;;) {
      try {
        return await append();
      } catch (error) {
        if (!isAway(error) || this.#clock.monotonic() - since >= patienceMs) throw error;
        await this.#pause(retryMs);
      }
    }
  }
}

/** Whether the store did not answer, so that trying again may help. */
export function isAway(error: unknown): boolean {
  return error instanceof MilepostError && error.code === "store_unavailable";
}
