import { textPieces } from "@milepost/protocol";

/**
 * Data that can be sent in chunks. Text and bytes are cut into pieces. Of any other source each item is one
 * chunk, but items of bytes are cut into pieces, too.
 */
export type ChunkSource =
  | string
  | Uint8Array
  | ReadableStreamLike
  | AsyncIterable<unknown>
  | Iterable<unknown>;

/**
 * Part of a `ReadableStream` that the client uses. It needs no async iteration, which not every browser's
 * streams support.
 */
export interface ReadableStreamLike {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

const textLength = 32_768;
/**
 * Number of bytes in one piece. It is a multiple of three, so that the base64 texts of the pieces join to the
 * base64 text of the whole.
 */
const byteLength = 24_576;

/** Yields the pieces of a source as JSON values; bytes become base64. */
export async function* piecesOf(source: ChunkSource): AsyncGenerator<unknown, void> {
  if (typeof source === "string") yield* textPieces(source, textLength);
  else if (source instanceof Uint8Array) yield* bytePieces(source);
  else if ("getReader" in source) {
    const reader = source.getReader();
    let complete = false;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        complete = done;
        if (done) return;
        yield* itemPieces(value);
      }
    } finally {
      if (!complete) await reader.cancel();
    }
  } else for await (const item of source) yield* itemPieces(item);
}

function* itemPieces(item: unknown): Generator<unknown, void> {
  if (item instanceof Uint8Array) yield* bytePieces(item);
  else yield item;
}

function* bytePieces(bytes: Uint8Array): Generator<string, void> {
  for (let from = 0; from < bytes.length; from += byteLength) {
    yield btoa(String.fromCharCode(...bytes.subarray(from, from + byteLength)));
  }
}
