import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import type { HeldSubscriber } from "./channel-queue.ts";
import { HeldEntries } from "./held-entries.ts";
import type { Ticker } from "./ticker.ts";
import type { Transport } from "./transport.ts";

/**
 * High-water mark, in bytes. While the transport buffers more than this, nothing is written until it drains.
 */
export const highWaterBytes = 256 * 1_024;

/** Size in bytes from which a part is written on its own instead of being copied. */
const ownWriteBytes = 64 * 1_024;

/** A message that is encoded only when there is room for it, since it may change until then. */
export interface DeferredMessage {
  encodeLatest(): Uint8Array;
}

/** Owner of a send queue. It must end the connection when the queue overflows. */
export interface SendQueueOwner {
  onOverflow(): void;
}

/**
 * Bytes and entries that wait to be written to one connection, in order.
 *
 * Pushed bytes are kept by reference and written at the end of the tick. Once more than `maxBytes` wait,
 * including those that the transport still holds, the send queue overflows: it accepts no more, and its owner
 * closes the connection. So a peer that never reads costs at most `maxBytes` and one batch, and loses nothing
 * silently.
 *
 * While the transport buffers more than the high-water mark, the send queue is holding. Entries should then be
 * passed to `hold`, which merges them as they wait. Pushed bytes overtake held entries, unless `settle` was
 * called.
 */
export class SendQueue {
  readonly #transport: Transport;
  readonly #ticker: Ticker;
  readonly #maxBytes: number;
  readonly #owner: SendQueueOwner;
  #first: Uint8Array | undefined;
  #rest: Uint8Array[] | undefined;
  #queuedBytes = 0;
  #waiters: (() => void)[] | undefined;
  #closed = false;
  #overflowed = false;
  #held: HeldEntries | undefined;
  #deferred: DeferredMessage[] | undefined;
  /** True while entries should be passed to `hold` instead of being pushed. */
  isHolding = false;
  /** True while the ticker has the send queue in its list; managed by the ticker. */
  scheduled = false;

  constructor(transport: Transport, ticker: Ticker, maxBytes: number, owner: SendQueueOwner) {
    this.#transport = transport;
    this.#ticker = ticker;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  /** Bytes that wait: pushed, held, and in the transport. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#transport.bufferedBytes + (this.#held?.size ?? 0);
  }

  /** True while more bytes than the high-water mark wait. Senders that can wait should then do so. */
  get isCongested(): boolean {
    return this.waitingBytes > highWaterBytes;
  }

  get isClosed(): boolean {
    return this.#closed || this.#overflowed;
  }

  /** Queues bytes for the end of this tick. */
  push(bytes: Uint8Array): void {
    if (this.#closed || this.#overflowed) return;
    if (this.#queuedBytes > this.#maxBytes) this.#makeRoom();
    if (this.#first === undefined) this.#first = bytes;
    else if (this.#rest === undefined) this.#rest = [bytes];
    else this.#rest.push(bytes);
    this.#queuedBytes += bytes.length;
    if (!this.scheduled) this.#ticker.schedule(this);
  }

  /** Holds consecutive entries of a subscriber, which follow `before`, until the transport has room. */
  hold(
    subscriber: HeldSubscriber,
    rule: Rule,
    publications: readonly Publication[],
    before: Position,
  ): void {
    if (this.isClosed) return;
    this.#held ??= new HeldEntries();
    this.#held.add(subscriber, rule, publications, before);
    if (!this.#held.fits(this.#maxBytes - this.#queuedBytes)) this.#overflowed = true;
    if (!this.scheduled) this.#ticker.schedule(this);
  }

  /**
   * Returns the position up to which a subscriber's entries were sent; undefined unless some of its entries are
   * held.
   */
  sentUpTo(subscriber: HeldSubscriber): Position | undefined {
    return this.#held?.sentUpTo(subscriber);
  }

  /** Queues the held entries of a subscriber as bytes, so that bytes pushed later come after them. */
  settle(subscriber: HeldSubscriber): void {
    for (let bytes = this.#held?.next(subscriber); bytes; bytes = this.#held?.next(subscriber)) {
      this.push(bytes);
    }
  }

  /** Drops the held entries of a subscriber that has ended. */
  drop(subscriber: HeldSubscriber): void {
    this.#held?.drop(subscriber);
  }

  /**
   * Encodes and sends a message as soon as there is room, before held entries. Must be called only while the
   * send queue is holding. The message must not be deferred already.
   */
  defer(message: DeferredMessage): void {
    if (this.isClosed) return;
    this.#deferred ??= [];
    this.#deferred.push(message);
    if (!this.scheduled) this.#ticker.schedule(this);
  }

  /** Cancels a deferred message. */
  cancelDeferred(message: DeferredMessage): void {
    this.#deferred = this.#deferred?.filter((other) => other !== message);
  }

  /**
   * Writes the waiting bytes, small parts in one piece. While the transport is above its high-water mark, it
   * writes nothing and starts to hold. It overflows when more bytes than the limit wait.
   */
  flush(): void {
    if (this.#overflowed) {
      this.#overflow();
      return;
    }
    if (this.#closed || (this.#first === undefined && !this.isHolding)) {
      this.#release();
      return;
    }
    const buffered = this.#transport.bufferedBytes;
    if (buffered > highWaterBytes) {
      this.isHolding = true;
      const room = this.#maxBytes - buffered - this.#queuedBytes;
      if (room < 0 || this.#held?.fits(room) === false) this.#overflow();
      return;
    }
    this.#writeQueue();
    if (this.isHolding) this.#writeHeld();
    this.#release();
  }

  /** Writes the pushed bytes. */
  #writeQueue(): void {
    const first = this.#first;
    if (first === undefined) return;
    const rest = this.#rest;
    this.#ticker.wrote(this.#queuedBytes);
    this.#first = undefined;
    this.#rest = undefined;
    this.#queuedBytes = 0;
    if (rest === undefined) this.#transport.write(first);
    else writeAll(this.#transport, [first, ...rest]);
  }

  /**
   * Writes the deferred messages, then the held entries of the most urgent channel first, while the transport
   * has room.
   */
  #writeHeld(): void {
    while (this.#transport.bufferedBytes <= highWaterBytes) {
      const bytes = this.#deferred?.shift()?.encodeLatest() ?? this.#held?.next();
      if (bytes === undefined) {
        this.#held = undefined;
        this.#deferred = undefined;
        this.isHolding = false;
        return;
      }
      this.#ticker.wrote(bytes.length);
      this.#transport.write(bytes);
    }
  }

  /**
   * Resolves once the send queue is no longer congested, or is closed. Returns undefined if that is already so.
   */
  drained(): Promise<void> | undefined {
    if (this.isClosed || !this.isCongested) return undefined;
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  /** Closes the send queue: drops the waiting bytes and entries, and accepts no more. */
  close(): void {
    this.#closed = true;
    this.#first = undefined;
    this.#rest = undefined;
    this.#queuedBytes = 0;
    this.#held = undefined;
    this.#deferred = undefined;
    this.#release();
  }

  /**
   * Makes room when more than the limit is pushed within one tick. Writes the pushed bytes early if the
   * transport has room, and marks the send queue as overflowed otherwise.
   */
  #makeRoom(): void {
    // Held entries are not written here: a channel may be in the middle of handing out a batch, and its
    // position may already include entries that are not pushed yet.
    if (this.#transport.bufferedBytes <= highWaterBytes) this.#writeQueue();
    // Closing here could remove subscriptions from a list that is being iterated, so the overflow waits for the
    // tick.
    else this.#overflowed = true;
  }

  #overflow(): void {
    this.close();
    this.#owner.onOverflow();
  }

  #release(): void {
    if (this.#waiters === undefined || (!this.isClosed && this.isCongested)) return;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const resolve of waiters) resolve();
  }
}

/**
 * Writes parts in order: small neighbours as one, large ones as they are, since those are shared and copying
 * them costs more.
 */
function writeAll(transport: Transport, parts: readonly Uint8Array[]): void {
  let from = 0;
  for (let i = 0; i <= parts.length; i++) {
    const part = parts[i];
    if (part !== undefined && part.length < ownWriteBytes) continue;
    if (i > from) transport.write(joined(parts.slice(from, i)));
    if (part !== undefined) transport.write(part);
    from = i + 1;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
