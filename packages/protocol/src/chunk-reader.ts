import { type ChunkPart, chunkCost, chunkWindowBytes } from "./chunk.ts";
import { type Failure, failure } from "./failure.ts";

interface Item {
  readonly data: unknown;
  readonly cost: number;
}

interface Waiting<Result> {
  resolve(step: IteratorResult<unknown, Result>): void;
  reject(error: unknown): void;
}

/** How an iteration ends: with a value, or once with an error. */
type Ending<Result> = { readonly value: Result } | { readonly error: unknown };

/**
 * The receiving end of a stream of chunks, as an iterator.
 *
 * What waits here is bounded by what it has granted: a window, and what the last part was larger than the rest of
 * it. More is granted as the reader takes items, never before it asked for the first. The sender may send as
 * long as it has any credit, so that no part is too large to be sent.
 */
export class ChunkReader<Result> implements AsyncIterableIterator<unknown, Result | undefined> {
  readonly #grant: (bytes: number) => void;
  readonly #items: Item[] = [];
  readonly #waiting: Waiting<Result | undefined>[] = [];
  #bufferedBytes = 0;
  #credit: number;
  #expected = 0;
  #complete = false;
  #ending: Ending<Result | undefined> | undefined;

  /** `grant` tells the sender that it may send so many bytes more, beyond the `credit` that it has. */
  constructor(grant: (bytes: number) => void, credit = 0) {
    this.#grant = grant;
    this.#credit = credit;
  }

  /** Takes a part; a failure says that the sender broke the rules. */
  take({ index, data, last }: ChunkPart): Failure | undefined {
    if (this.#complete) return failure("bad_message", "a chunk came after the last one");
    if (this.#ending !== undefined) return undefined;
    if (index !== this.#expected) {
      return failure("bad_message", `index must be ${this.#expected}; it is ${index}`);
    }
    if (data !== undefined && this.#credit <= 0) {
      return failure("bad_message", "the chunk is more than was granted; wait for credit");
    }
    this.#expected++;
    this.#complete = last === true;
    if (data !== undefined) {
      const cost = chunkCost(JSON.stringify(data));
      this.#credit -= cost;
      this.#bufferedBytes += cost;
      this.#items.push({ data, cost });
    }
    this.#hand();
    return undefined;
  }

  /** Ends it with a value, or with an error, after what waits. */
  end(ending: Ending<Result>): void {
    this.#ending ??= ending;
    this.#hand();
  }

  /** Ends it with an error at once; what waits is dropped. */
  fail(error: unknown): void {
    if (this.#ending !== undefined) return;
    this.#drop();
    this.#ending = { error };
    this.#hand();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, Result | undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#hand();
      this.#grantRoom();
    });
  }

  return(): Promise<IteratorResult<unknown, Result | undefined>> {
    this.#drop();
    this.#ending ??= { value: undefined };
    this.#hand();
    return Promise.resolve({ done: true, value: undefined });
  }

  #hand(): void {
    for (let waiting = this.#waiting[0]; waiting !== undefined; waiting = this.#waiting[0]) {
      const item = this.#items.shift();
      if (item === undefined && this.#ending === undefined) return;
      this.#waiting.shift();
      if (item !== undefined) {
        this.#bufferedBytes -= item.cost;
        this.#grantRoom();
        waiting.resolve({ done: false, value: item.data });
      } else this.#finish(waiting);
    }
  }

  #finish(waiting: Waiting<Result | undefined>): void {
    const ending = this.#ending;
    if (ending === undefined || "value" in ending) {
      waiting.resolve({ done: true, value: ending?.value });
      return;
    }
    // An error is told once; then the iteration is simply over.
    this.#ending = { value: undefined };
    waiting.reject(ending.error);
  }

  #grantRoom(): void {
    if (this.#complete || this.#ending !== undefined) return;
    const room = chunkWindowBytes - this.#credit - this.#bufferedBytes;
    if (room < chunkWindowBytes / 2) return;
    this.#credit += room;
    this.#grant(room);
  }

  #drop(): void {
    this.#items.length = 0;
    this.#bufferedBytes = 0;
  }
}
