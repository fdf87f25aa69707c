/** What can be sent in chunks: text and bytes are cut into pieces, of anything else each item is one. */
export type ChunkSource =
  | string
  | Uint8Array
  | ReadableStreamLike
  | AsyncIterable<unknown>
  | Iterable<unknown>;

/** What is used of a `ReadableStream`, which is no async iterable in every browser. */
export interface ReadableStreamLike {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

const textLength = 32_768;
/** A multiple of three, so that the base64 of the pieces, one after the other, is that of the whole. */
const byteLength = 24_576;

/** The pieces of a source as JSON values; bytes become base64. */
export async function* piecesOf(source: ChunkSource): AsyncGenerator<unknown, void> {
  if (typeof source === "string") yield* textPieces(source);
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

function* textPieces(text: string): Generator<string, void> {
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + textLength, text.length);
    // Half a surrogate pair does not survive every encoding.
    const unit = text.charCodeAt(to - 1);
    if (to < text.length && unit >= 0xd800 && unit <= 0xdbff) to--;
    yield text.slice(from, to);
    from = to;
  }
}

function* bytePieces(bytes: Uint8Array): Generator<string, void> {
  for (let from = 0; from < bytes.length; from += byteLength) {
    yield btoa(String.fromCharCode(...bytes.subarray(from, from + byteLength)));
  }
}
