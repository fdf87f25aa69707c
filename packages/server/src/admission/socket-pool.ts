import type { Duplex } from "node:stream";

/** Bounds of a {@link SocketPool}. */
export interface SocketPoolBounds {
  /** Number of sockets above which the oldest makes room for a new one. */
  readonly maxSockets: number;
  /** Number of sockets of one address above which its oldest makes room for a new one. */
  readonly maxPerAddress: number;
  /** Monotonic time, in milliseconds. */
  readonly now: () => number;
  /** Called with each socket that makes room. It has left the pool, and is to be ended. */
  readonly onDrop: (socket: Duplex, reason: DropReason) => void;
}

/** Limit for which a socket was dropped: that of its address, or that of the pool. */
export type DropReason = "address" | "pool";

/**
 * Time in which a socket is not dropped for the number of the pool alone, in milliseconds. It lets clients send their
 * credentials that all reconnect at once.
 */
const graceMs = 3_000;
/** Number of sockets, as a multiple of the pool's limit, above which the oldest is dropped even within its grace. */
const graceFactor = 10;

interface Entry {
  since: number;
  address: string | undefined;
}

/**
 * Pool of sockets whose peers have shown no credential.
 *
 * The pool is bounded in number: when it is full, the oldest socket makes room for a new one, so that a peer that
 * shows its credential soon gets through whatever others do. A socket leaves the pool when it closes.
 */
export class SocketPool {
  readonly #bounds: SocketPoolBounds;
  /** Sockets in the order in which they came. */
  readonly #entries = new Map<Duplex, Entry>();
  readonly #byAddress = new Map<string, Set<Duplex>>();
  readonly #onClose: (this: Duplex) => void;

  constructor(bounds: SocketPoolBounds) {
    this.#bounds = bounds;
    const remove = (socket: Duplex) => this.remove(socket);
    // One listener serves all sockets.
    this.#onClose = function (this: Duplex) {
      remove(this);
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Adds a socket, or changes the address of one that the pool has. A socket without an address counts only towards
   * the limit of the whole pool.
   */
  add(socket: Duplex, address: string | undefined): void {
    if (socket.destroyed) return;
    const known = this.#entries.get(socket);
    if (known === undefined) {
      this.#entries.set(socket, { since: this.#bounds.now(), address });
      socket.on("close", this.#onClose);
    } else {
      if (known.address === address) return;
      this.#leaveAddress(socket, known.address);
      known.address = address;
    }
    if (address !== undefined) this.#enterAddress(socket, address);
    this.#makeRoom();
  }

  /** Gives a socket of the pool its grace from now on, because its peer could not send a credential before. */
  renew(socket: Duplex): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    entry.since = this.#bounds.now();
    this.#entries.delete(socket);
    this.#entries.set(socket, entry);
  }

  /** Takes a socket out. Returns false if the pool does not have it. */
  remove(socket: Duplex): boolean {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return false;
    this.#entries.delete(socket);
    this.#leaveAddress(socket, entry.address);
    socket.removeListener("close", this.#onClose);
    return true;
  }

  #makeRoom(): void {
    const { maxSockets, now } = this.#bounds;
    for (const [socket, { since }] of this.#entries) {
      if (this.#entries.size <= maxSockets) return;
      if (this.#entries.size <= graceFactor * maxSockets && now() - since < graceMs) return;
      this.#drop(socket, "pool");
    }
  }

  #enterAddress(socket: Duplex, address: string): void {
    const sockets = this.#byAddress.get(address) ?? new Set<Duplex>();
    this.#byAddress.set(address, sockets);
    sockets.add(socket);
    const [oldest] = sockets;
    if (sockets.size > this.#bounds.maxPerAddress && oldest !== undefined) {
      this.#drop(oldest, "address");
    }
  }

  #leaveAddress(socket: Duplex, address: string | undefined): void {
    if (address === undefined) return;
    const sockets = this.#byAddress.get(address);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.#byAddress.delete(address);
  }

  #drop(socket: Duplex, reason: DropReason): void {
    this.remove(socket);
    this.#bounds.onDrop(socket, reason);
  }
}
