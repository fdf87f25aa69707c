import type { Readable } from "node:stream";
import type { MethodCall } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import type { Piece, PieceReader } from "./piece-reader.ts";

/** Way in which a streamed answer ended, as the circuit breaker counts it. */
export type StreamEnd =
  | { readonly kind: "complete" }
  /** Nobody waits for the answer any more, or it cannot be understood. */
  | { readonly kind: "dropped" }
  /** The connection ended after the backend was silent for this time, in milliseconds. */
  | { readonly kind: "failed"; readonly silentMs: number };

/** Events that a {@link StreamedAnswer} reports to its backend. */
export interface StreamEvents {
  /** Called with the first piece. */
  onPiece(): void;
  /** Called once, at the end. */
  onEnd(end: StreamEnd): void;
}

/**
 * Answer of a backend that arrives in pieces, read only as fast as its pieces are asked for. The return value is the
 * result. When nobody asks any more, the backend's connection is closed, which is how the backend learns of it.
 */
export class StreamedAnswer implements AsyncIterableIterator<unknown, unknown, undefined> {
  readonly #body: Readable;
  readonly #parts: AsyncIterator<Uint8Array>;
  readonly #reader: PieceReader;
  readonly #events: StreamEvents;
  readonly #call: Pick<MethodCall, "method" | "signal">;
  readonly #now: () => number;
  /** Pieces that were read together with one that was asked for. */
  #pieces: Piece[] = [];
  #isRead = false;
  #hasPiece = false;
  /** Monotonic time since which the next part is awaited; undefined while nobody asks. */
  #awaitedSince: number | undefined;
  #ended = false;

  /** Creates the answer to `call`; `now` is the monotonic time in milliseconds. */
  constructor(
    body: Readable,
    reader: PieceReader,
    call: Pick<MethodCall, "method" | "signal">,
    now: () => number,
    events: StreamEvents,
  ) {
    this.#body = body;
    this.#parts = body[Symbol.asyncIterator]();
    // The connection may end while nobody reads; the next read then reports it.
    body.on("error", () => {});
    this.#reader = reader;
    this.#events = events;
    this.#call = call;
    this.#now = now;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    for (;;) {
      if (this.#ended) return { done: true, value: null };
      const piece = this.#pieces.shift();
      if (piece?.kind === "piece") {
        if (!this.#hasPiece) this.#events.onPiece();
        this.#hasPiece = true;
        return { done: false, value: piece.data };
      }
      if (piece !== undefined) return this.#finish(piece.value);
      if (this.#isRead) return this.#finish(null);
      await this.#read();
    }
  }

  async return(): Promise<IteratorResult<unknown, unknown>> {
    this.#end(this.#awaitedSince === undefined ? { kind: "dropped" } : this.#silence());
    return { done: true, value: null };
  }

  #silence(): StreamEnd {
    const now = this.#now();
    return { kind: "failed", silentMs: now - (this.#awaitedSince ?? now) };
  }

  /** Reads the next part of the answer, or its end. */
  async #read(): Promise<void> {
    this.#awaitedSince = this.#now();
    let step: IteratorResult<Uint8Array>;
    try {
      step = await this.#parts.next();
    } catch (cause) {
      const { method, signal } = this.#call;
      this.#end(this.#silence());
      if (signal.aborted) throw signal.reason;
      const message = `the answer of the backend of ${method} broke off; try again`;
      throw new MilepostError("unavailable", message, { cause });
    } finally {
      this.#awaitedSince = undefined;
    }
    try {
      this.#isRead = step.done === true;
      const pieces = step.done === true ? this.#reader.end() : this.#reader.push(step.value);
      this.#pieces.push(...pieces);
    } catch (error) {
      this.#end({ kind: "dropped" });
      throw error;
    }
  }

  /** Ends with a result. Nothing may follow it but the end of the answer, for which nobody has to wait. */
  #finish(value: unknown): IteratorResult<unknown, unknown> {
    const extra = this.#pieces.length > 0;
    this.#end(extra ? { kind: "dropped" } : { kind: "complete" });
    if (!extra) return { done: true, value };
    throw new MilepostError(
      "backend_failed",
      `the backend of ${this.#call.method} sent more after the result; the result must be the last piece`,
    );
  }

  #end(end: StreamEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#pieces = [];
    if (!this.#isRead) this.#body.destroy();
    this.#events.onEnd(end);
  }
}
