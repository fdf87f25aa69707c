import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import type { HeldSubscriber } from "./channel-queue.ts";
import { HeldEntries } from "./held-entries.ts";
import type { Ticker } from "./ticker.ts";
import type { Transport } from "./transport.ts";

/** Past so many bytes in the transport nothing more is handed over until it drains. */
export const highWaterBytes = 256 * 1_024;

/** What is as large as this is worth a write of its own. */
const ownWriteBytes = 64 * 1_024;

/** A message that is only made when there is room for it, since until then it may become another. */
export interface DeferredMessage {
  encodeLatest(): Uint8Array;
}

/** Who must end the connection of an outbox that takes nothing more. */
export interface SendQueueOwner {
  onOverflow(): void;
}

/**
 * What waits to be written to one connection, in order.
 *
 * Pushed bytes are kept by reference and written at the end of the tick. Once more than `maxBytes` wait, counting
 * what the transport still holds, the outbox overflows: it takes nothing more, and its owner closes the
 * connection. So a peer that never reads costs `maxBytes` and one batch at most, and loses nothing silently.
 *
 * While the transport has too much the outbox is holding: entries should be given to `hold` then, which merges them as
 * they wait. Pushed bytes overtake what is held, but for `settle`.
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
  /** Whether entries should be held and not pushed. */
  isHolding = false;
  /** Whether the ticker has it in its list; the ticker's. */
  scheduled = false;

  constructor(transport: Transport, ticker: Ticker, maxBytes: number, owner: SendQueueOwner) {
    this.#transport = transport;
    this.#ticker = ticker;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  /** Bytes that wait, here and in the transport. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#transport.bufferedBytes + (this.#held?.size ?? 0);
  }

  /** Whether so much waits that whoever can wait should. */
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

  /** Keeps consecutive entries of a reader, which follow `before`, until the transport has room. */
  hold(
    reader: HeldSubscriber,
    rule: Rule,
    publications: readonly Publication[],
    before: Position,
  ): void {
    if (this.isClosed) return;
    this.#held ??= new HeldEntries();
    this.#held.add(reader, rule, publications, before);
    if (!this.#held.fits(this.#maxBytes - this.#queuedBytes)) this.#overflowed = true;
    if (!this.scheduled) this.#ticker.schedule(this);
  }

  /** Up to where a reader was sent its channel, while entries of it are held. */
  sentUpTo(reader: HeldSubscriber): Position | undefined {
    return this.#held?.sentUpTo(reader);
  }

  /** Queues what is held of a reader, so that what is pushed next comes after it. */
  settle(reader: HeldSubscriber): void {
    for (let bytes = this.#held?.next(reader); bytes; bytes = this.#held?.next(reader)) {
      this.push(bytes);
    }
  }

  /** Forgets what is held of a reader that is over. */
  drop(reader: HeldSubscriber): void {
    this.#held?.drop(reader);
  }

  /** Makes and sends a message, which is not owed yet, as soon as there is room; before entries that are held. */
  defer(message: DeferredMessage): void {
    if (this.isClosed) return;
    this.#deferred ??= [];
    this.#deferred.push(message);
    if (!this.scheduled) this.#ticker.schedule(this);
  }

  /** Forgets a message that is owed. */
  cancelDeferred(message: DeferredMessage): void {
    this.#deferred = this.#deferred?.filter((other) => other !== message);
  }

  /** Writes what waits, small parts in one piece, unless the transport has too much already. */
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

  /** Writes what was pushed. */
  #writeQueue(): void {
    const first = this.#first;
    if (first === undefined) return;
    const rest = this.#rest;
    this.#first = undefined;
    this.#rest = undefined;
    this.#queuedBytes = 0;
    if (rest === undefined) this.#transport.write(first);
    else writeAll(this.#transport, [first, ...rest]);
  }

  /** Writes what is owed, then what is held, the most urgent channel first, as long as the transport takes it. */
  #writeHeld(): void {
    while (this.#transport.bufferedBytes <= highWaterBytes) {
      const bytes = this.#deferred?.shift()?.encodeLatest() ?? this.#held?.next();
      if (bytes === undefined) {
        this.#held = undefined;
        this.#deferred = undefined;
        this.isHolding = false;
        return;
      }
      this.#transport.write(bytes);
    }
  }

  /** Resolves once little enough waits, or the outbox is closed; undefined when that is so now. */
  drained(): Promise<void> | undefined {
    if (this.isClosed || !this.isCongested) return undefined;
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  /** Drops what waits and takes nothing more. */
  close(): void {
    this.#closed = true;
    this.#first = undefined;
    this.#rest = undefined;
    this.#queuedBytes = 0;
    this.#held = undefined;
    this.#deferred = undefined;
    this.#release();
  }

  /** More than fits in one tick: what can be written is written early, else this is the end. */
  #makeRoom(): void {
    // What is held stays: a channel may be in the middle of handing a batch out, and its place not be true yet.
    if (this.#transport.bufferedBytes <= highWaterBytes) this.#writeQueue();
    // Closing here could pull subscriptions out of a list that is being walked: it waits for the tick.
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

/** Writes parts in order: small neighbours as one, large ones as they are, since they are shared and copying costs more. */
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
