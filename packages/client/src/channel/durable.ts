import { cutText, type GapReason, MilepostError, readPosition } from "@milepost/protocol";
import type { ChannelEvent, EventName } from "../contract.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import type { Channel, ChannelGap, SinceOption } from "./channel.ts";
import { ChannelRequests } from "./channel-requests.ts";

/** One delivery of an entry to a durable subscriber. */
export interface DurableDelivery<Events = Record<string, unknown>> {
  readonly event: ChannelEvent<Events>;
  /** Number of deliveries of this entry, this one included. */
  readonly attempt: number;
  /**
   * Marks the entry as handled. The client acknowledges it to the gateway once all earlier entries are handled.
   * An entry that was nacked before is acknowledged without waiting for earlier ones.
   *
   * Resolves once the gateway has saved the ack; it delivers the entry no more then. A lost connection delays that: the client
   * acknowledges again on the next one. Rejects when the durable subscriber ends before the answer, and with
   * `invalid_position` when the gateway no longer knows the delivery; whether the entry is delivered again is then unknown.
   * A rejection that nobody awaits is ignored.
   */
  ack(): Promise<void>;
  /**
   * Marks the entry as not handled: the gateway delivers it again after a wait, or moves it to the dead-letter
   * queue. `reason` is cut to 1,024 characters.
   */
  nack(reason: string): void;
}

/** Options of a durable subscriber. */
export interface DurableOptions<Events = Record<string, unknown>> {
  /**
   * Start position of a durable subscriber that does not exist yet; default is the head. An existing durable subscriber
   * continues where it stopped and ignores this option.
   */
  readonly since?: SinceOption;
  /** Names of the events to deliver, all by default; other events count as handled. */
  readonly events?: readonly EventName<Events>[];
  /** Ends the durable subscriber when aborted; pending and later reads reject with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Called when the log lost entries before they were delivered. The lost entries are also named in a dead
   * letter.
   */
  readonly onGap?: (gap: ChannelGap) => void;
}

/**
 * Durable subscriber that this client holds.
 *
 * The iteration ends when the channel ends. It rejects with `not_subscribed` when another connection takes the
 * durable subscriber over or the gateway ends it, and with the gateway's error when the gateway refuses it. The
 * gateway delivers entries that were not acknowledged by then to the next holder.
 */
export interface DurableSubscriber<Events = Record<string, unknown>>
  extends AsyncIterableIterator<DurableDelivery<Events>, undefined>,
    AsyncDisposable {
  /**
   * Calls `handler` for each entry, up to `concurrency` calls at a time (default 1). Acknowledges the entry
   * when the handler resolves, and nacks it with the error's message when the handler rejects. Resolves when
   * the channel ends.
   */
  handle(
    handler: (event: ChannelEvent<Events>, attempt: number) => unknown,
    options?: { readonly concurrency?: number },
  ): Promise<void>;
  /** Sends the pending acks and unsubscribes. Another client can then hold the durable subscriber. */
  close(): Promise<void>;
}

/**
 * Returns the durable subscriber `name` of a channel. This client becomes its holder at the first read.
 *
 * The first read rejects with `already_subscribed` while this client already subscribes to the channel. While the
 * durable subscriber is open, other subscriptions of this client to the channel fail with `already_subscribed`.
 */
export function durable<Events>(
  channel: Channel<Events>,
  name: string,
  options: DurableOptions<Events> = {},
): DurableSubscriber<Events> {
  return new Holder(channel.name, name, new ChannelRequests(channel), options);
}

/** Time that acks are collected before they are sent, in milliseconds. */
const ackDelayMs = 20;
const maxReasonLength = 1_024;

/**
 * Stage of a delivery: `queued` for a reader, `handed` to the application, `running` in a handler, or `done` or
 * `refused` while the gateway has not confirmed that outcome.
 */
type Stage = "queued" | "handed" | "running" | "done" | "refused";

interface Entry {
  readonly position: string;
  readonly epoch: string;
  readonly offset: number;
  event: ChannelEvent;
  attempt: number;
  stage: Stage;
  reason: string;
  /**
   * True once the entry was nacked. The gateway then retries it separately, so only an ack of its own position
   * settles it.
   */
  hasOwnRetry: boolean;
  /** Answer to the application's ack; undefined before it acknowledged the entry. */
  answer: AckAnswer | undefined;
}

interface AckAnswer {
  readonly saved: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
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
  /** Entries whose outcome the gateway has not confirmed yet, by position. */
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
    requests: ChannelRequests,
    options: DurableOptions<Events>,
  ) {
    this.#channel = channel;
    this.#name = name;
    this.#requests = requests;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<DurableDelivery<Events>, undefined>> {
    return new Promise((resolve, reject) => {
      // Internally events are names and unknown data; the caller's contract provides their types.
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
    this.#end({});
    await saved;
    this.#leaveUnanswered();
    await this.#unsubscribe();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Claims the channel at the first read and subscribes when connected. */
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
      // Acks that the last connection could not send go out now.
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
        const says = `this client no longer holds the durable subscriber: ${message.reason}`;
        this.#finish({ error: new MilepostError("not_subscribed", says) });
        break;
      }
    }
  }

  #takeEvent(message: RawMessage): void {
    const { position: text, event: name, data, ts, source } = message;
    const position = readPosition(text);
    if (position === undefined || typeof text !== "string") return;
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
      const { epoch, offset } = position;
      const stage = "queued";
      const entry = { position: text, epoch, offset, event, attempt, stage, reason: "" } as const;
      this.#queueUp({ ...entry, hasOwnRetry: false, answer: undefined });
      return;
    }
    known.attempt = attempt;
    switch (known.stage) {
      case "queued":
      case "running":
        // The earlier delivery is still queued or running, and its outcome covers this one.
        return;
      case "done":
        // The earlier ack did not reach the gateway, so it is sent again.
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
      ack: () => {
        entry.answer ??= ackAnswer();
        this.#settle(entry, "done", "");
        if (this.#over !== undefined) entry.answer.reject(endOf(this.#over));
        return entry.answer.saved;
      },
      nack: (reason) => this.#settle(entry, "refused", reason),
    };
  }

  #settle(entry: Entry, stage: "done" | "refused", reason: string): void {
    if (this.#entries.get(entry.position) !== entry) return;
    if (entry.stage === "queued") this.#queue = this.#queue.filter((other) => other !== entry);
    entry.stage = stage;
    entry.reason = cutText(reason, maxReasonLength) || "no reason given";
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
   * Acknowledges the handled entries up to the first unhandled one, with one ack per epoch.
   *
   * Two kinds of entries get their own ack:
   * - an entry delivered more than once, because the gateway may retry it separately; its ack is sent once all
   *   earlier entries are handled;
   * - an entry that was nacked; its ack is sent as soon as it is handled.
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

  /**
   * Returns the entries whose outcome the gateway has not confirmed, grouped by epoch, each group in log order.
   */
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
    let refusal: unknown;
    try {
      await this.#requests.call(
        { type: "ack", channel: this.#channel, position: position as never },
        {},
      );
    } catch (error) {
      // After most errors, such as a lost connection, the entries stay and are acknowledged again later.
      if (!isFinal(error)) return;
      this.#requests.report(error);
      refusal = error;
    }
    for (const entry of settled) {
      if (entry.stage !== "done") continue;
      this.#entries.delete(entry.position);
      if (refusal === undefined) entry.answer?.resolve();
      else entry.answer?.reject(refusal);
    }
  }

  /** Rejects the acks whose answer can no longer arrive. */
  #leaveUnanswered(): void {
    const error = endOf(this.#over ?? {});
    for (const { answer } of this.#entries.values()) answer?.reject(error);
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
      // Without a nack the gateway delivers the entry again anyway, once its ack wait has passed.
      if (isFinal(error)) this.#requests.report(error);
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

  /** Ends the durable subscriber, and with it the acks that have no answer yet. */
  #finish(over: { readonly error?: unknown }): void {
    if (this.#over !== undefined) return;
    this.#end(over);
    this.#leaveUnanswered();
  }

  #end(over: { readonly error?: unknown }): void {
    this.#over = over;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#release?.();
    this.#queue = [];
    this.#isHeld = false;
    this.#hand();
  }
}

/** Creates the answer to an ack. An application that does not wait for it need not handle its rejection. */
function ackAnswer(): AckAnswer {
  let resolve = () => {};
  let reject: (error: unknown) => void = () => {};
  const saved = new Promise<void>((onSaved, onLost) => {
    resolve = onSaved;
    reject = onLost;
  });
  saved.catch(() => {});
  return { saved, resolve, reject };
}

function endOf({ error }: { readonly error?: unknown }): unknown {
  return error ?? new MilepostError("not_subscribed", "the durable subscriber has ended");
}

/** True if an ack or nack that failed with `error` cannot succeed later. */
function isFinal(error: unknown): boolean {
  // `invalid_position` is final: the gateway does not know the delivery.
  return !(error instanceof MilepostError) || error.code === "invalid_position";
}
