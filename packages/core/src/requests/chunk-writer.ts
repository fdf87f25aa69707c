import {
  type ChunkPart,
  chunkCost,
  type MessageId,
  MilepostError,
  type ServerMessage,
} from "@milepost/protocol";
import { readJsonText } from "../input/json-text.ts";
import type { SendQueue } from "../send-queue/send-queue.ts";

/** Parts of a connection that a {@link ChunkWriter} uses. */
export interface ChunkConnection {
  readonly sendQueue: Pick<SendQueue, "drained">;
  send(message: ServerMessage): void;
}

/** Limits of a stream of chunks. */
export interface ChunkBounds {
  /** Size of the largest chunk, in bytes of JSON. */
  readonly maxBytes: number;
  /** Credit that the client granted with its request, in bytes; undefined means no limit. */
  readonly credit: number | undefined;
}

/**
 * Sending end of a stream of chunks. It asks the source for an item only when the connection has room and the
 * client has granted credit. With a slow client, the source therefore pauses, and at most one item waits in
 * memory.
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

  /** Adds `bytes` to the credit of the stream. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  /**
   * Sends all items and calls `onSent` after each. Resolves with the source's return value, or with undefined
   * if the stream was ended.
   */
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

  /**
   * Ends the stream: nothing more is sent, and the source is closed. An error of the source while it closes
   * goes to `onError`.
   */
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
      // A source that threw has ended already and must not be closed.
      if (this.#state === "running") this.#state = "finished";
      throw error;
    }
  }

  async #write(index: number, item: unknown): Promise<void> {
    const data = item === undefined ? null : item;
    const text = readJsonText(data, this.#maxBytes);
    if (!text.ok && text.failure.code === "too_large") {
      throw new MilepostError(
        "too_large",
        `a chunk is larger than ${this.#maxBytes} bytes; let the method yield smaller chunks`,
      );
    }
    if (!text.ok)
      throw new TypeError(`the method yielded an invalid chunk: ${text.failure.message}`);
    // Other messages may have filled the connection while the source made the item.
    for (let drained = this.#drained(); drained !== undefined; drained = this.#drained())
      await drained;
    if (this.#state !== "running") return;
    this.#credit -= chunkCost(text.value);
    this.#send({ index, data });
  }

  #send(part: Omit<ChunkPart, "type" | "stream">): void {
    this.#connection.send({ type: "chunk", stream: this.#stream, ...part });
  }

  /** Waits until the connection has room and the stream has credit. */
  async #clear(): Promise<void> {
    while (this.#state === "running") {
      const drained = this.#drained();
      if (drained !== undefined) await drained;
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
