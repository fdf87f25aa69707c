import type { RequestOptions } from "./call.ts";
import { type Exchanger, MethodStream, type MethodStreamOptions } from "./method-stream.ts";
import type { ChunkSource } from "./pieces.ts";

export type { Exchanger, MethodStreamOptions } from "./method-stream.ts";
export type { ChunkSource, ReadableStreamLike } from "./pieces.ts";

/**
 * Calls a method that answers in chunks, at the first `next`, and yields its items as they are read; the method
 * waits for the reader. Leaving the loop cancels the request. The method's result is the value of the last
 * `next`.
 *
 * `timeoutMs` bounds each pause between two chunks, in milliseconds (default 30,000), including the pauses of
 * this side. Nothing is resumed: when the connection breaks, the stream yields what has arrived, then rejects
 * with `timed_out`, and the caller may start it again.
 */
export function stream<Item = unknown, Result = unknown>(
  client: Exchanger,
  method: string,
  params?: unknown,
  options: MethodStreamOptions = {},
): AsyncIterableIterator<Item, Result | undefined> {
  return new MethodStream(client, method, params, options);
}

/**
 * Sends a source to a method that takes chunks, as fast as the method reads them, and resolves with its result.
 * Text and bytes are cut into pieces, and bytes become base64; of any other source each item is one chunk.
 *
 * Rejects with the error of the source, or as {@link stream} does. The source is closed when the method has
 * answered.
 */
export async function upload<Result = unknown>(
  client: Exchanger,
  method: string,
  params: unknown,
  source: ChunkSource,
  options: RequestOptions = {},
): Promise<Result> {
  const answer = stream<unknown, Result>(client, method, params, { ...options, source });
  for (;;) {
    const { done, value } = await answer.next();
    if (done === true) return value as Result;
  }
}
