import { type ChunkPart, ChunkReader, chunkCost, MilepostError } from "@milepost/protocol";
import type { Client } from "../client.ts";
import type { RequestOptions } from "./call.ts";
import type { Chunk, Exchange } from "./exchange.ts";
import { type ChunkSource, piecesOf } from "./pieces.ts";

/** Options of a stream. */
export interface MethodStreamOptions extends RequestOptions {
  /** Source that is sent to the method in chunks, as fast as the method reads them. */
  readonly source?: ChunkSource;
}

/** Part of a client that a stream uses. */
export type Exchanger = Pick<Client, "exchange">;

const defaultTimeoutMs = 30_000;
const maxTimeoutMs = 600_000;

/** Iterator over a method's answer in chunks; sends the request at the first `next`. */
export class MethodStream<Item, Result> implements AsyncIterableIterator<Item, Result | undefined> {
  readonly #client: Exchanger;
  readonly #method: string;
  readonly #params: unknown;
  readonly #options: MethodStreamOptions;
  readonly #reader = new ChunkReader<unknown>((credit) => this.#grant(credit));
  #exchange: Exchange | undefined;
  #over = false;
  /** Credit left for chunks of the source, in bytes. At 0 or less the stream waits for more credit. */
  #credit = 0;
  #wake: (() => void) | undefined;
  #closeSource: (() => void) | undefined;

  constructor(client: Exchanger, method: string, params: unknown, options: MethodStreamOptions) {
    this.#client = client;
    this.#method = method;
    this.#params = params;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Item, Result | undefined>> {
    return this.#reader.next() as Promise<IteratorResult<Item, Result | undefined>>;
  }

  return(): Promise<IteratorResult<Item, Result | undefined>> {
    const returned = this.#reader.return() as Promise<IteratorResult<Item, undefined>>;
    this.#exchange?.giveUp(
      new MilepostError("cancelled", "the stream was cancelled by its reader"),
    );
    this.#end();
    return returned;
  }

  /** Grants the gateway credit to send chunks, in bytes. The first credit travels with the request itself. */
  #grant(credit: number): void {
    if (this.#exchange === undefined) this.#begin(credit);
    else this.#send({ credit });
  }

  #begin(credit: number): void {
    const { source, ...options } = this.#options;
    const { key, timeoutMs = defaultTimeoutMs } = options;
    const params = this.#params;
    try {
      this.#exchange = this.#client.exchange(
        {
          type: "request",
          method: this.#method,
          credit,
          timeout_ms: Math.max(1, Math.min(Math.ceil(timeoutMs), maxTimeoutMs)),
          ...(params !== undefined && { params }),
          ...(source !== undefined && { stream: true }),
          ...(key !== undefined && { key }),
        },
        { ...options, onChunk: (chunk) => this.#take(chunk) },
        {
          resolve: (value) => {
            this.#reader.end({ value });
            this.#end();
          },
          reject: (error) => this.#fail(error),
        },
      );
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (source !== undefined) void this.#pump(source);
  }

  #take(chunk: Readonly<Record<string, unknown>>): void {
    const { credit, index, data, last } = chunk;
    if (typeof credit === "number") {
      this.#credit += credit;
      this.#wake?.();
      return;
    }
    const part = { index, last, ...(Object.hasOwn(chunk, "data") && { data }) } as ChunkPart;
    const failure = this.#reader.take(part);
    if (failure !== undefined) this.#exchange?.giveUp(MilepostError.from(failure));
  }

  /**
   * Ends the stream with an error. The caller still receives items that have arrived, unless its signal is
   * aborted.
   */
  #fail(error: unknown): void {
    if (this.#options.signal?.aborted) this.#reader.fail(error);
    else this.#reader.end({ error });
    this.#end();
  }

  async #pump(source: ChunkSource): Promise<void> {
    const pieces = piecesOf(source);
    this.#closeSource = () => void pieces.return().catch(() => {});
    try {
      let index = 0;
      for await (const piece of pieces) {
        const data = piece ?? null;
        const cost = chunkCost(JSON.stringify(data));
        while (this.#credit <= 0 && !this.#over) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (this.#over) return;
        this.#credit -= cost;
        this.#send({ index: index++, data });
      }
      this.#send({ index, last: true });
    } catch (error) {
      this.#exchange?.giveUp(error);
    }
  }

  #send(chunk: Chunk): void {
    if (!this.#over) this.#exchange?.send(chunk);
  }

  #end(): void {
    this.#over = true;
    this.#wake?.();
    this.#closeSource?.();
  }
}
