import { type GapReason, isRecord, MilepostError, parsePosition } from "@milepost/protocol";
import type { ChannelEvent, EventName } from "../contract.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import type { Channel, ChannelGap, SinceOption } from "./channel.ts";
import { ChannelRequests } from "./channel-requests.ts";

/** One delivery of an entry. */
export interface DurableDelivery<Events = Record<string, unknown>> {
  readonly event: ChannelEvent<Events>;
  /** How often it was delivered, this time included. */
  readonly attempt: number;
  /** It is handled. The service is told once everything before it is, too. */
  ack(): void;
  /** It could not be handled: it comes again after a while, or goes to the dead letters. */
  nack(reason: string): void;
}

/** How a durable subscriber reads. */
export interface DurableOptions<Events = Record<string, unknown>> {
  /** Where it begins the very first time; at the head when absent. */
  readonly since?: SinceOption;
  /** Only events of these names; the others count as handled. */
  readonly events?: readonly EventName<Events>[];
  /** Ends it by rejecting with its reason. */
  readonly signal?: AbortSignal;
  /** Entries that the log lost before they were delivered; a dead letter names them, too. */
  readonly onGap?: (gap: ChannelGap) => void;
}

/**
 * A durable subscriber while this client holds it.
 *
 * Ends when the channel does; rejects with `not_subscribed` when another connection takes it over, and with the service's error when
 * it refuses. What is not acknowledged by then is delivered again to the next holder.
 */
export interface DurableSubscriber<Events = Record<string, unknown>>
  extends AsyncIterableIterator<DurableDelivery<Events>, undefined>,
    AsyncDisposable {
  /**
   * Calls `handler` for each entry, `concurrency` (1) at a time; acknowledges it when that resolves, refuses it with the
   * error's message when it rejects. Resolves at the end of the channel.
   */
  handle(
    handler: (event: ChannelEvent<Events>, attempt: number) => unknown,
    options?: { readonly concurrency?: number },
  ): Promise<void>;
  /** Says what was acknowledged, and gives the subscriber up. */
  close(): Promise<void>;
}

/** Makes this client the holder of the durable subscriber `name` of a channel, as soon as somebody reads. */
export function durable<Events>(
  channel: Channel<Events>,
  name: string,
  options: DurableOptions<Events> = {},
): DurableSubscriber<Events> {
  return new Holder(channel.name, name, new ChannelRequests(channel), options);
}

/** Acks are told together, at most so much later. */
const ackDelayMs = 20;
const maxReasonLength = 1_024;

/** Where a delivery is: it waits for a reader, somebody has it, a handler of ours runs, or what became of it is yet to be saved. */
type Stage = "queued" | "handed" | "running" | "done" | "refused";

interface Entry {
  readonly position: string;
  readonly epoch: string;
  readonly offset: number;
  event: ChannelEvent;
  attempt: number;
  stage: Stage;
  reason: string;
  /** It was refused once, so only an ack of its very position settles it. */
  hasOwnRetry: boolean;
}

interface Waiting {
  resolve(result: IteratorResult<DurableDelivery, undefined>): void;
  reject(error: unknown): void;
}

class Holder<Events> implements DurableSubscriber<Events> {
  readonly #channel: string;
  readonly #name: string;
  readonly #requests: ChannelRequests;
  readonly #options: DurableOptions<Events>;
  /** By position: everything that is not known to be saved. */
  readonly #entries = new Map<string, Entry>();
  #queue: Entry[] = [];
  readonly #waiting: Waiting[] = [];
  #release: (() => void) | undefined;
  #isHeld = false;
  #failures = 0;
  #isFlushDue = false;
  #generation = 0;
  #over: { readonly error?: unknown } | undefined;

  constructor(
    channel: string,
    name: string,
    line: ChannelRequests,
    options: DurableOptions<Events>,
  ) {
    this.#channel = channel;
    this.#name = name;
    this.#requests = line;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<DurableDelivery<Events>, undefined>> {
    return new Promise((resolve, reject) => {
      // Inside, events are names and unknown data; their types are the caller's contract.
      this.#waiting.push({ resolve: resolve as Waiting["resolve"], reject });
      this.#begin();
      this.#hand();
    });
  }

  async return(): Promise<IteratorResult<DurableDelivery<Events>, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  async handle(
    handler: (event: ChannelEvent<Events>, attempt: number) => unknown,
    { concurrency = 1 }: { readonly concurrency?: number } = {},
  ): Promise<void> {
    const work = async () => {
      for (let next = await this.next(); !next.done; next = await this.next()) {
        const { event, attempt, ack, nack } = next.value;
        const entry = this.#entries.get(event.position);
        if (entry?.stage === "handed") entry.stage = "running";
        try {
          await handler(event, attempt);
          ack();
        } catch (error) {
          nack(error instanceof Error ? error.message : String(error));
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
  }

  async close(): Promise<void> {
    if (this.#over !== undefined) return;
    const saved = this.#isHeld && this.#requests.isUp ? this.#flush() : undefined;
    this.#finish({});
    await saved;
    await this.#unsubscribe();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes the channel, at the first read. */
  #begin(): void {
    if (this.#release !== undefined || this.#over !== undefined) return;
    const { signal } = this.#options;
    if (signal?.aborted) {
      this.#finish({ error: signal.reason });
      return;
    }
    try {
      this.#release = this.#requests.claim({
        onUp: () => void this.#subscribe(),
        onDown: () => {
          this.#isHeld = false;
          this.#generation++;
        },
        onMessage: (message) => this.#take(message),
        onClosed: (error) => this.#finish({ error }),
      });
    } catch (error) {
      this.#finish({ error });
      return;
    }
    signal?.addEventListener("abort", this.#onAbort);
    if (this.#requests.isUp) void this.#subscribe();
  }

  async #subscribe(): Promise<void> {
    const generation = ++this.#generation;
    const { since, events } = this.#options;
    const call = {
      type: "subscribe",
      channel: this.#channel,
      as: this.#name,
      ...(since !== undefined && { since: since as never }),
      ...(events !== undefined && { events }),
    } as const;
    try {
      await this.#requests.call(call, {});
      if (generation !== this.#generation || this.#over !== undefined) return;
      this.#isHeld = true;
      this.#failures = 0;
      // What the last connection could not say.
      this.#flushSoon();
    } catch (error) {
      if (generation !== this.#generation || this.#over !== undefined) return;
      if (!(error instanceof MilepostError) || !error.retryable) this.#finish({ error });
      else {
        this.#requests.after(this.#requests.backoffMs(++this.#failures), () => {
          if (generation === this.#generation && this.#requests.isUp) void this.#subscribe();
        });
      }
    }
  }

  #take(message: RawMessage): void {
    switch (message.type) {
      case "event":
        this.#takeEvent(message);
        break;
      case "gap":
        this.#options.onGap?.({
          channel: this.#channel,
          from: String(message.from),
          to: String(message.to),
          reason: message.reason as GapReason,
        });
        break;
      case "end":
        this.#finish({});
        break;
      case "unsubscribed": {
        const says = `the durable subscriber is not this client's any more: ${message.reason}`;
        this.#finish({ error: new MilepostError("not_subscribed", says) });
        break;
      }
    }
  }

  #takeEvent(message: RawMessage): void {
    const { position: text, event: name, data, ts, source } = message;
    const position = parsePosition(text);
    if (!position.ok || typeof text !== "string") return;
    const attempt = typeof message.attempt === "number" ? message.attempt : 1;
    const event = {
      channel: this.#channel,
      position: text,
      event: String(name),
      data,
      ts: Number(ts),
      ...(typeof source === "string" && { source }),
    } as unknown as ChannelEvent;
    const known = this.#entries.get(text);
    if (known === undefined) {
      const { epoch, offset } = position.value;
      const stage = "queued";
      const entry = { position: text, epoch, offset, event, attempt, stage, reason: "" } as const;
      this.#queueUp({ ...entry, hasOwnRetry: false });
      return;
    }
    known.attempt = attempt;
    switch (known.stage) {
      case "queued":
      case "running":
        // It will be answered for; twice at once helps nobody.
        return;
      case "done":
        // The ack did not get through.
        this.#flushSoon();
        return;
      case "handed":
      case "refused":
        known.stage = "queued";
        this.#queueUp(known);
    }
  }

  #queueUp(entry: Entry): void {
    this.#entries.set(entry.position, entry);
    this.#queue.push(entry);
    this.#hand();
  }

  #hand(): void {
    for (let waiting = this.#waiting[0]; waiting !== undefined; waiting = this.#waiting[0]) {
      const entry = this.#queue.shift();
      if (entry === undefined && this.#over === undefined) return;
      this.#waiting.shift();
      if (entry !== undefined) {
        entry.stage = "handed";
        waiting.resolve({ done: false, value: this.#delivery(entry) });
      } else if (this.#over !== undefined && "error" in this.#over) {
        waiting.reject(this.#over.error);
      } else waiting.resolve({ done: true, value: undefined });
    }
  }

  #delivery(entry: Entry): DurableDelivery {
    const { event, attempt } = entry;
    return {
      event,
      attempt,
      ack: () => this.#settle(entry, "done", ""),
      nack: (reason) => this.#settle(entry, "refused", reason),
    };
  }

  #settle(entry: Entry, stage: "done" | "refused", reason: string): void {
    if (this.#entries.get(entry.position) !== entry) return;
    if (entry.stage === "queued") this.#queue = this.#queue.filter((other) => other !== entry);
    entry.stage = stage;
    entry.reason = reason.slice(0, maxReasonLength) || "no reason given";
    if (stage === "refused") {
      entry.hasOwnRetry = true;
      void this.#nack(entry);
    } else this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#requests.after(ackDelayMs, () => {
      this.#isFlushDue = false;
      if (this.#over === undefined) void this.#flush();
    });
  }

  /**
   * Acknowledges as far as everything is handled with one ack. What was delivered before may have a retry of its own, and
   * gets an ack of its own as well, once that settles nothing that is not handled.
   */
  async #flush(): Promise<void> {
    if (!this.#isHeld) return;
    const acks: Promise<void>[] = [];
    for (const entries of this.#byEpoch()) {
      let last: Entry | undefined;
      for (const entry of entries) {
        if (entry.hasOwnRetry) {
          if (entry.stage === "done") acks.push(this.#ack(entry, [entry]));
          continue;
        }
        if (entry.stage !== "done") break;
        if (entry.attempt > 1) acks.push(this.#ack(entry, [entry]));
        else last = entry;
      }
      if (last === undefined) continue;
      const { offset } = last;
      const settled = entries.filter(
        (entry) => entry.offset <= offset && !entry.hasOwnRetry && entry.attempt === 1,
      );
      acks.push(this.#ack(last, settled));
    }
    await Promise.all(acks);
  }

  /** What is not known to be saved, in the order of the log. */
  #byEpoch(): Iterable<Entry[]> {
    const epochs = new Map<string, Entry[]>();
    for (const entry of this.#entries.values()) {
      const entries = epochs.get(entry.epoch) ?? [];
      entries.push(entry);
      epochs.set(entry.epoch, entries);
    }
    for (const entries of epochs.values()) entries.sort((a, b) => a.offset - b.offset);
    return epochs.values();
  }

  async #ack({ position }: Entry, settled: readonly Entry[]): Promise<void> {
    try {
      await this.#requests.call(
        { type: "ack", channel: this.#channel, position: position as never },
        {},
      );
    } catch (error) {
      // A connection that broke is asked for again by the next; anything else the service does not know.
      if (error instanceof MilepostError && error.code !== "invalid_position") return;
      this.#requests.report(error);
    }
    for (const entry of settled) {
      if (entry.stage === "done") this.#entries.delete(entry.position);
    }
  }

  async #nack(entry: Entry): Promise<void> {
    const { position, reason } = entry;
    const nack = {
      type: "nack",
      channel: this.#channel,
      position: position as never,
      reason,
    } as const;
    try {
      if (this.#isHeld) await this.#requests.call(nack, {});
    } catch (error) {
      // Without a nack it comes again all the same, when its wait is over.
      if (!isRecord(error)) this.#requests.report(error);
    }
  }

  readonly #onAbort = (): void => {
    this.#finish({ error: this.#options.signal?.reason });
    void this.#unsubscribe();
  };

  async #unsubscribe(): Promise<void> {
    if (!this.#requests.isUp) return;
    await this.#requests.call({ type: "unsubscribe", channel: this.#channel }, {}).catch(() => {});
  }

  #finish(over: { readonly error?: unknown }): void {
    if (this.#over !== undefined) return;
    this.#over = over;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#release?.();
    this.#queue = [];
    this.#isHeld = false;
    this.#hand();
  }
}
