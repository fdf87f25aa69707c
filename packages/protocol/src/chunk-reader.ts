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

/** The end of a stream of chunks: its result, or an error. `next` throws the error once. */
type Ending<Result> = { readonly value: Result } | { readonly error: unknown };

/**
 * The receiving end of a stream of chunks, as an async iterator.
 *
 * The buffered bytes are bounded by the credit that the sender received: one window of {@link
 * chunkWindowBytes}, plus the part of the last chunk beyond that window. The `ChunkReader` grants no credit
 * before the first call of `next`, and grants more as the caller takes items. The sender may send a chunk while
 * it has any credit left, so no chunk is too large to send.
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

  /**
   * Creates a reader. `grant` is called with the number of further bytes that the sender may send. `credit` is
   * the number of bytes that the sender may already send.
   */
  constructor(grant: (bytes: number) => void, credit = 0) {
    this.#grant = grant;
    this.#credit = credit;
  }

  /**
   * Accepts one part of the stream. Returns a `bad_message` failure if the part has the wrong index, follows
   * the last part, or was sent without credit.
   */
  take({ index, data, last }: ChunkPart): Failure | undefined {
    if (this.#complete)
      return failure(
        "bad_message",
        "a chunk arrived after the last one; send nothing after last: true",
      );
    if (this.#ending !== undefined) return undefined;
    if (index !== this.#expected) {
      return failure("bad_message", `index must be ${this.#expected}; it is ${index}`);
    }
    if (data !== undefined && this.#credit <= 0) {
      return failure("bad_message", "the chunk exceeds the granted credit; wait for more credit");
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

  /** Ends the iteration with a result or an error, after the buffered items have been read. */
  end(ending: Ending<Result>): void {
    this.#ending ??= ending;
    this.#hand();
  }

  /** Ends the iteration with an error at once, and drops the buffered items. */
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
    // An error is thrown once; every later `next` reports that the iteration is done.
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
