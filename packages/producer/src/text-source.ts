import { isRecord } from "@milepost/protocol";

/** A piece of a text: the text itself, its bytes in UTF-8, or a part of an AI SDK stream. */
export type TextPiece = string | Uint8Array | object;

/**
 * A text that comes in pieces: an iterable, an async iterable or a web stream of them, or the result of `streamText` of
 * the AI SDK. Of an AI SDK stream, the parts `text-delta` are the text, a part `error` fails it, and others are left out.
 */
export type TextSource =
  | AsyncIterable<TextPiece>
  | Iterable<string>
  | ReadableStream<TextPiece>
  | { readonly fullStream: AsyncIterable<object> }
  | { readonly textStream: AsyncIterable<string> };

/** Receiver of the pieces of a source. */
export interface TextSink {
  append(text: string): unknown;
  /** Resolves when the next piece may be read; rejects to end the reading. */
  ready(): Promise<void>;
}

/**
 * Reads a source to its end. Rejects with the error of the source, or with the signal's reason as soon as the signal
 * aborts; the source is then told that nobody reads it any more.
 */
export async function readText(
  source: TextSource,
  sink: TextSink,
  signal: AbortSignal,
): Promise<void> {
  const pieces = iteratorOf(source);
  const decoder = new TextDecoder();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  // It may abort while nothing waits for it.
  aborted.catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      await sink.ready();
      const next = await Promise.race([pieces.next(), aborted]);
      if (next.done) break;
      const text = textOf(next.value, decoder);
      if (text !== "") sink.append(text);
    }
    const rest = decoder.decode();
    if (rest !== "") sink.append(rest);
  } catch (thrown) {
    // A source that hangs does not answer either, so nothing waits for it.
    void Promise.resolve(pieces.return?.()).catch(() => {});
    throw thrown;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

type Pieces = Pick<AsyncIterator<TextPiece>, "next" | "return">;

function iteratorOf(source: TextSource): Pieces {
  // Of an AI SDK result only the full stream has its errors.
  if ("fullStream" in source) return iteratorOf(source.fullStream);
  if ("textStream" in source) return iteratorOf(source.textStream);
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  if (!(Symbol.iterator in source)) return readerOf(source);
  const pieces = source[Symbol.iterator]();
  return { next: async () => pieces.next(), return: async () => pieces.return?.() ?? ended };
}

const ended = { done: true, value: undefined } as const;

/** Reads a web stream where streams are not iterable, as in some browsers. */
function readerOf(source: ReadableStream<TextPiece>): Pieces {
  const reader = source.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done || value === undefined ? ended : { done: false, value };
    },
    return: async () => {
      await reader.cancel();
      return ended;
    },
  };
}

function textOf(piece: TextPiece, decoder: InstanceType<typeof TextDecoder>): string {
  if (typeof piece === "string") return piece;
  if (piece instanceof Uint8Array) return decoder.decode(piece, { stream: true });
  if (!isRecord(piece)) return "";
  if (piece.type === "error") throw piece.error ?? new Error("the stream failed");
  if (piece.type !== "text-delta") return "";
  const text = piece.text ?? piece.textDelta ?? piece.delta;
  return typeof text === "string" ? text : "";
}
