import { type Exchanger, MethodStream, type MethodStreamOptions } from "./method-stream.ts";
import type { ChunkSource } from "./pieces.ts";
import type { RequestOptions } from "./requests.ts";

export type { Exchanger, MethodStreamOptions } from "./method-stream.ts";
export type { ChunkSource, ReadableStreamLike } from "./pieces.ts";

/**
 * Asks a method that answers in chunks, at the first `next`, and gives out its items as they are read; the method waits
 * meanwhile. Leaving the loop gives the request up. What the method returns is the value of the last `next`.
 *
 * `timeoutMs` bounds each pause between two chunks, those that this side makes included. Nothing is resumed: when the
 * connection breaks it ends with `timed_out`, after what has arrived, and may be asked again.
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
 * Sends a source to a method that takes chunks, as far as the method reads them, and resolves with its result. Text and
 * bytes are cut into pieces, bytes become base64; of any other source each item is one chunk.
 *
 * Rejects with the error of the source, or as {@link stream} does. The source is closed when the method has answered.
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
