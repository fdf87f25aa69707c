import {
  type ChunkPart,
  chunkCost,
  type MessageId,
  MilepostError,
  type ServerMessage,
} from "@milepost/protocol";
import { readJsonText } from "../input/json-text.ts";
import type { SendQueue } from "../send-queue/send-queue.ts";

/** What a writer needs of its connection. */
export interface ChunkConnection {
  readonly sendQueue: Pick<SendQueue, "drained">;
  send(message: ServerMessage): void;
}

/** What a stream of chunks is bound by. */
export interface ChunkBounds {
  /** The largest chunk, in bytes of JSON. */
  readonly maxBytes: number;
  /** What the reader has granted; absent is no bound. */
  readonly credit: number | undefined;
}

/**
 * The sending end of a stream: takes an item when its connection has room and its reader has granted it, and no sooner.
 * So a reader that is slow costs one item, and the source rests.
 */
export class ChunkWriter {
  readonly #stream: MessageId;
  readonly #connection: ChunkConnection;
  readonly #iterator: AsyncIterator<unknown>;
  readonly #maxBytes: number;
  #credit: number;
  #wake: (() => void) | undefined;
  #state: "running" | "ended" | "finished" = "running";

  constructor(
    stream: MessageId,
    source: AsyncIterable<unknown>,
    line: ChunkConnection,
    { maxBytes, credit = Number.POSITIVE_INFINITY }: ChunkBounds,
  ) {
    this.#stream = stream;
    this.#connection = line;
    this.#iterator = source[Symbol.asyncIterator]();
    this.#maxBytes = maxBytes;
    this.#credit = credit;
  }

  /** The reader has room for so many bytes more. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  /** Sends all of it, and resolves with what the source returned; with undefined once it was ended. */
  async run(onSent: () => void): Promise<unknown> {
    for (let index = 0; ; index++) {
      await this.#clear();
      if (this.#isEnded) return undefined;
      const step = await this.#next();
      if (this.#isEnded) return undefined;
      if (step.done === true) {
        this.#send({ index, last: true });
        return step.value;
      }
      await this.#write(index, step.value);
      if (this.#isEnded) return undefined;
      onSent();
    }
  }

  /** Ends it: nothing more is sent, and the source is told. A fault of the source in this goes to `onFault`. */
  end(onError: (error: unknown) => void): void {
    if (this.#state !== "running") return;
    this.#state = "ended";
    this.#wake?.();
    this.#close().catch(onError);
  }

  get #isEnded(): boolean {
    return this.#state === "ended";
  }

  async #next(): Promise<IteratorResult<unknown>> {
    try {
      const step = await this.#iterator.next();
      if (step.done === true && this.#state === "running") this.#state = "finished";
      return step;
    } catch (error) {
      // A source that failed is over already.
      if (this.#state === "running") this.#state = "finished";
      throw error;
    }
  }

  async #write(index: number, item: unknown): Promise<void> {
    const data = item === undefined ? null : item;
    const text = readJsonText(data, this.#maxBytes);
    if (!text.ok && text.failure.code === "too_large") {
      throw new MilepostError("too_large", `a chunk is over ${this.#maxBytes} bytes`);
    }
    if (!text.ok) throw new TypeError(`wrong chunk: ${text.failure.message}`);
    // Others may have filled the connection while the source was asked.
    for (let room = this.#drained(); room !== undefined; room = this.#drained()) await room;
    if (this.#state !== "running") return;
    this.#credit -= chunkCost(text.value);
    this.#send({ index, data });
  }

  #send(part: Omit<ChunkPart, "type" | "stream">): void {
    this.#connection.send({ type: "chunk", stream: this.#stream, ...part });
  }

  /** Waits until there is room, and something was granted. */
  async #clear(): Promise<void> {
    while (this.#state === "running") {
      const room = this.#drained();
      if (room !== undefined) await room;
      else if (this.#credit > 0) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #drained(): Promise<void> | undefined {
    return this.#state === "running" ? this.#connection.sendQueue.drained() : undefined;
  }

  async #close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
