import { type Principal, publisherOf } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";

/** Pages of one principal that may wait to be read at a time: 64, of 256 KiB each. */
const maxPerPrincipal = 64;
/** Pages that may wait to be read at a time in all: 256, which are 64 MiB. */
const maxPages = 256;

const retryAfterMs = 1_000;

/** Part of Node's response that {@link HeldPages} uses. */
export interface ClosingResponse {
  once(event: "close", listener: () => void): unknown;
}

/**
 * Counts the pages of history and the states that a node holds for readers which have not read them yet. A request beyond
 * the bounds is refused before anything is read from the store.
 */
export class HeldPages {
  readonly #held = new Map<string, number>();
  #total = 0;

  /** Number of pages that wait to be read. */
  get size(): number {
    return this.#total;
  }

  /** Counts a page until its response has been read or its connection has closed. Throws `rate_limited` beyond the bounds. */
  hold(principal: Principal, response: ClosingResponse): void {
    const name = publisherOf(principal);
    const own = this.#held.get(name) ?? 0;
    if (own >= maxPerPrincipal || this.#total >= maxPages) {
      throw new MilepostError(
        "rate_limited",
        "too many answers wait to be read; read them before you ask for more",
        { retryAfterMs },
      );
    }
    this.#held.set(name, own + 1);
    this.#total++;
    response.once("close", () => this.#release(name));
  }

  #release(name: string): void {
    const left = (this.#held.get(name) ?? 0) - 1;
    if (left > 0) this.#held.set(name, left);
    else this.#held.delete(name);
    this.#total--;
  }
}
