import type { IncomingMessage } from "node:http";
import type { BridgeLimits } from "./bridge-options.ts";
import type { RefusalReason } from "./instruments.ts";

/** A connection as the admission sees it. */
export interface AdmittedConnection {
  close(discard?: boolean): unknown;
}

/**
 * Counts the connections of a bridge, in total and by address. Those without a verified credential are in a pool of
 * their own, in which the oldest makes room for the newest.
 */
export class Admission {
  readonly #limits: BridgeLimits;
  readonly #addressOf: (request: IncomingMessage) => string | undefined;
  readonly #refuse: (reason: RefusalReason) => void;
  readonly #entries = new Map<AdmittedConnection, string | undefined>();
  readonly #waiting = new Set<AdmittedConnection>();
  readonly #perAddress = new Map<string, number>();

  constructor(
    limits: BridgeLimits,
    addressOf: ((request: IncomingMessage) => string | undefined) | undefined,
    refuse: (reason: RefusalReason) => void,
  ) {
    this.#limits = limits;
    this.#addressOf = addressOf ?? publicAddress;
    this.#refuse = refuse;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** True if one more connection fits for the client of a request. */
  fits(request: IncomingMessage): boolean {
    const address = this.#addressOf(request);
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    const ofAddress = address === undefined ? 0 : (this.#perAddress.get(address) ?? 0);
    return this.#entries.size < maxConnections && ofAddress < maxConnectionsPerAddress;
  }

  /** Adds a connection; the oldest one without a credential makes room where there are too many. */
  add(connection: AdmittedConnection, request: IncomingMessage): void {
    const address = this.#addressOf(request);
    this.#entries.set(connection, address);
    this.#waiting.add(connection);
    if (address !== undefined) {
      this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
      this.#makeRoom(this.#limits.maxUnauthenticatedPerAddress, address);
    }
    this.#makeRoom(this.#limits.maxUnauthenticated);
  }

  /** Counts a connection as one with a verified credential. */
  authenticated(connection: AdmittedConnection): void {
    this.#waiting.delete(connection);
  }

  remove(connection: AdmittedConnection): void {
    const address = this.#entries.get(connection);
    this.#waiting.delete(connection);
    if (!this.#entries.delete(connection) || address === undefined) return;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }

  #makeRoom(max: number, address?: string): void {
    if (this.#waiting.size <= max) return;
    const waiting =
      address === undefined
        ? [...this.#waiting]
        : [...this.#waiting].filter((each) => this.#entries.get(each) === address);
    for (const oldest of waiting.slice(0, waiting.length - max)) {
      this.#waiting.delete(oldest);
      this.#refuse("unauthenticated");
      oldest.close(true);
    }
  }
}

const local =
  /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|::1$|f[cd]|fe[89ab])/;

/** Returns the address of the peer, an IPv6 address as its /64; undefined on loopback and private addresses. */
export function publicAddress(request: IncomingMessage): string | undefined {
  const address = request.socket.remoteAddress?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "");
  if (address === undefined || local.test(address)) return undefined;
  return address.includes(":") ? network(address) : address;
}

/** Returns the first half of an IPv6 address. */
function network(address: string): string {
  const [head = "", tail] = address.split("::", 2);
  const front = head === "" ? [] : head.split(":");
  if (tail === undefined) return front.slice(0, 4).join(":");
  const back = tail === "" ? 0 : tail.split(":").length;
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back) }, () => "0");
  return [...front, ...zeros, ...tail.split(":")].slice(0, 4).join(":");
}
