import type { RequestOptions } from "./call.ts";
import { type Exchanger, MethodStream, type MethodStreamOptions } from "./method-stream.ts";
import type { ChunkSource } from "./pieces.ts";

export type { Exchanger, MethodStreamOptions } from "./method-stream.ts";
export type { ChunkSource, ReadableStreamLike } from "./pieces.ts";

/**
 * Calls a method that answers in chunks and yields the chunks' items. The call starts at the first `next`, and
 * the method waits while the caller does not read. Leaving the loop cancels the request. The last `next`
 * returns the method's result as the value of the finished iterator.
 *
 * `timeoutMs` is the maximum pause between two chunks, in milliseconds (default 30,000); pauses of the caller
 * count, too. A stream is not resumed: when the connection is lost, it yields the items that arrived and then
 * rejects with `timed_out`. The caller may start it again.
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
 * Sends a source to a method that takes chunks, as fast as the method reads them, and resolves with the
 * method's result. Text and bytes are cut into pieces, and bytes become base64; this includes items of bytes.
 * Any other item of a source is one chunk.
 *
 * Rejects with the error of the source, or as {@link stream} does. The source is closed once the method has
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
