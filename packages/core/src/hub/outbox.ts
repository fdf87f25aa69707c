import type { Transport } from "../transport.ts";
import type { Ticker } from "./ticker.ts";

/** Past so many bytes in the transport nothing more is handed over until it drains. */
export const highWaterBytes = 256 * 1_024;

/** What is as large as this is worth a write of its own. */
const ownWriteBytes = 64 * 1_024;

/** Who must end the connection of an outbox that takes nothing more. */
export interface OutboxOwner {
  onOverflow(): void;
}

/**
 * What waits to be written to one connection, in order.
 *
 * Pushed bytes are kept by reference and written at the end of the tick. Once more than `maxBytes` wait, counting
 * what the transport still holds, the outbox overflows: it takes nothing more, and its owner closes the
 * connection. So a peer that never reads costs `maxBytes` and one batch at most, and loses nothing silently.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #ticker: Ticker;
  readonly #maxBytes: number;
  readonly #owner: OutboxOwner;
  #first: Uint8Array | undefined;
  #rest: Uint8Array[] | undefined;
  #queuedBytes = 0;
  #waiters: (() => void)[] | undefined;
  #closed = false;
  #overflowed = false;
  /** Whether the ticker has it in its list; the ticker's. */
  scheduled = false;

  constructor(transport: Transport, ticker: Ticker, maxBytes: number, owner: OutboxOwner) {
    this.#transport = transport;
    this.#ticker = ticker;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  /** Bytes that wait, here and in the transport. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#transport.bufferedBytes;
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

  /** Writes what waits, small parts in one piece, unless the transport has too much already. */
  flush(): void {
    if (this.#overflowed) {
      this.#overflow();
      return;
    }
    if (this.#closed || this.#first === undefined) {
      this.#release();
      return;
    }
    const buffered = this.#transport.bufferedBytes;
    if (buffered > highWaterBytes) {
      if (buffered + this.#queuedBytes > this.#maxBytes) this.#overflow();
      return;
    }
    const first = this.#first;
    const rest = this.#rest;
    this.#first = undefined;
    this.#rest = undefined;
    this.#queuedBytes = 0;
    if (rest === undefined) this.#transport.write(first);
    else writeAll(this.#transport, [first, ...rest]);
    this.#release();
  }

  /** Resolves once little enough waits, or the outbox is closed; undefined when that is so now. */
  room(): Promise<void> | undefined {
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
    this.#release();
  }

  /** More than fits in one tick: what can be written is written early, else this is the end. */
  #makeRoom(): void {
    if (this.#transport.bufferedBytes <= highWaterBytes) this.flush();
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
