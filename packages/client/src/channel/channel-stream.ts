import { definedFields, MilepostError } from "@milepost/protocol";
import type { ChannelEvent } from "../contract.ts";
import type { Channel, ChannelItem, StreamOptions, Subscription } from "./channel.ts";

const defaultMaxBuffered = 1_000;

interface Waiting<Item> {
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(error: unknown): void;
}

/** Async iterator over a channel's items with a bounded buffer; subscribes at the first `next`. */
export class ChannelStream<Events>
  implements AsyncIterableIterator<ChannelItem<Events>, undefined>
{
  readonly #channel: Pick<Channel<Events>, "subscribe">;
  readonly #options: StreamOptions<Events>;
  readonly #items: ChannelItem<Events>[] = [];
  readonly #waiting: Waiting<ChannelItem<Events>>[] = [];
  #subscription: Subscription | undefined;
  /** Position to resume after, set when a full buffer closed the subscription. */
  #resumeAt: string | undefined;
  #over: { readonly error?: unknown } | undefined;

  constructor(channel: Pick<Channel<Events>, "subscribe">, options: StreamOptions<Events>) {
    this.#channel = channel;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ChannelItem<Events>, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#subscribe();
      this.#hand();
    });
  }

  return(): Promise<IteratorResult<ChannelItem<Events>, undefined>> {
    this.#items.length = 0;
    this.#finish({});
    return Promise.resolve({ done: true, value: undefined });
  }

  #subscribe(): void {
    if (this.#subscription !== undefined || this.#over !== undefined || this.#items.length > 0)
      return;
    const { signal, since } = this.#options;
    if (signal?.aborted) {
      this.#finish({ error: signal.reason });
      return;
    }
    const from = this.#resumeAt ?? since;
    if (this.#resumeAt === undefined) signal?.addEventListener("abort", this.#onAbort);
    this.#resumeAt = undefined;
    this.#subscription = this.#channel.subscribe(
      {
        onEvent: (event) => this.#take({ type: "event", ...event }),
        onSnapshot: (snapshot) => this.#take({ type: "snapshot", ...snapshot }),
        onGap: (gap) => this.#take({ type: "gap", ...gap }),
        onReset: (reset) => this.#take({ type: "reset", ...reset }),
        onEnd: () => this.#finish({}),
        onError: (error) => this.#finish({ error }),
      },
      definedFields({ ...this.#options, since: from }),
    );
  }

  #take(item: ChannelItem<Events>): void {
    if (this.#over !== undefined) return;
    this.#items.push(item);
    const { maxBuffered = defaultMaxBuffered } = this.#options;
    if (this.#items.length >= maxBuffered && this.#waiting.length === 0) {
      this.#resumeAt = this.#subscription?.position;
      this.#subscription?.close();
      this.#subscription = undefined;
    }
    this.#hand();
  }

  #hand(): void {
    for (let waiting = this.#waiting[0]; waiting !== undefined; waiting = this.#waiting[0]) {
      const item = this.#items.shift();
      if (item === undefined && this.#over === undefined) return;
      this.#waiting.shift();
      if (item !== undefined) waiting.resolve({ done: false, value: item });
      else if (this.#over !== undefined && "error" in this.#over) {
        const { error } = this.#over;
        // The error is reported once; every later `next` sees a finished iteration.
        this.#over = {};
        waiting.reject(error);
      } else waiting.resolve({ done: true, value: undefined });
    }
  }

  readonly #onAbort = (): void => {
    this.#items.length = 0;
    this.#finish({ error: this.#options.signal?.reason });
  };

  #finish(over: { readonly error?: unknown }): void {
    this.#over ??= over;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#hand();
  }
}

/**
 * Yields only the events of a stream and skips a snapshot. Throws `not_found` at a gap or reset, because
 * entries before the next event are lost.
 */
export async function* eventsOf<Events>(
  stream: AsyncIterableIterator<ChannelItem<Events>>,
): AsyncGenerator<ChannelEvent<Events>, undefined> {
  for await (const item of stream) {
    switch (item.type) {
      case "event": {
        const { type: _, ...event } = item;
        yield event as unknown as ChannelEvent<Events>;
        break;
      }
      case "snapshot":
        break;
      case "gap":
      case "reset":
        throw new MilepostError(
          "not_found",
          `entries of ${item.channel} are lost (${item.reason}); use stream() to continue after a gap or reset`,
        );
    }
  }
  return undefined;
}
