import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { AdmissionMetrics, Core, CoreLimits } from "@milepost/core";
import type { Clock } from "@milepost/engine";
import { failure, MilepostError } from "@milepost/protocol";
import { AddressCounts } from "./address-counts.ts";
import type { ClientAddresses } from "./client-addresses.ts";
import { HandshakePace } from "./handshake-pace.ts";
import { type DropReason, SocketPool } from "./socket-pool.ts";

/** Parts and limits of {@link ClientSockets}. */
export interface ClientSocketsOptions {
  readonly addresses: ClientAddresses;
  readonly limits: Pick<
    CoreLimits,
    | "maxConnections"
    | "maxConnectionsPerAddress"
    | "maxUnauthenticated"
    | "maxUnauthenticatedPerAddress"
  >;
  readonly metrics: Pick<AdmissionMetrics, "unauthenticatedSockets">;
  readonly refusals: Core["refusals"];
  readonly clock: Clock;
}

const tooMany = failure(
  "too_many_connections",
  "this address has too many connections; close some, or raise maxConnectionsPerAddress",
  30_000,
);
/** Close frame with code 1013, for an upgraded socket that makes room. */
const closeFrame = frameOfClose(1013, "too many connections without a credential");

/**
 * The sockets of a gateway's clients: how many wait without a credential, and how many connections each address has.
 *
 * A socket waits from its accept until its first verified credential. An HTTP connection rests between its
 * authenticated requests. Both pools are bounded apart from the connections of users, and drop their oldest socket
 * when they are full.
 */
export class ClientSockets {
  readonly addresses: ClientAddresses;
  readonly #waiting: SocketPool;
  readonly #resting: SocketPool;
  readonly #counts: AddressCounts;
  readonly #refusals: Core["refusals"];
  readonly #pace: HandshakePace;
  /** Sockets that became WebSockets before their credential was verified. */
  readonly #upgraded = new WeakSet<Duplex>();
  /** Sockets whose TLS handshake is not finished, by address and port of the peer. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #onAnswered: (this: ServerResponse) => void;

  constructor({ addresses, limits, metrics, refusals, clock }: ClientSocketsOptions) {
    const now = () => clock.monotonic();
    this.#pace = new HandshakePace(clock);
    this.addresses = addresses;
    this.#refusals = refusals;
    this.#counts = new AddressCounts(limits.maxConnectionsPerAddress);
    this.#waiting = new SocketPool({
      maxSockets: limits.maxUnauthenticated,
      maxPerAddress: limits.maxUnauthenticatedPerAddress,
      now,
      onDrop: (socket, reason) => this.#drop(socket, reason),
    });
    const resting = new SocketPool({
      maxSockets: limits.maxConnections,
      maxPerAddress: limits.maxConnectionsPerAddress,
      now,
      // Bytes that no request asked for could be taken for the next answer.
      onDrop: (socket) => socket.destroy(),
    });
    this.#resting = resting;
    this.#onAnswered = function (this: ServerResponse) {
      resting.add(this.req.socket, addresses.ofSocket(this.req.socket));
    };
    metrics.unauthenticatedSockets.readFrom(() => this.#waiting.size);
  }

  /** Number of sockets whose peers have shown no credential. */
  get unauthenticated(): number {
    return this.#waiting.size;
  }

  /**
   * Counts a new socket of the gateway's own server among those without a credential. With `isSecure`, it carries the
   * TLS of a socket for {@link ClientSockets.secured}.
   */
  accepted(socket: Socket, isSecure = false): void {
    if (isSecure) {
      const peer = peerOf(socket);
      this.#handshakes.set(peer, socket);
      socket.once("close", () => {
        if (this.#handshakes.get(peer) === socket) this.#handshakes.delete(peer);
      });
    }
    this.#waiting.add(socket, this.addresses.ofSocket(socket));
  }

  /**
   * Counts a socket that has finished its TLS handshake in place of the one that carries it. Both have the same peer.
   */
  secured(socket: TLSSocket): void {
    const raw = this.#handshakes.get(peerOf(socket));
    if (raw === undefined) return;
    this.#handshakes.delete(peerOf(socket));
    if (!this.#waiting.remove(raw)) return;
    this.addresses.copyPeer(raw, socket);
    this.#waiting.add(socket, this.addresses.ofSocket(socket));
  }

  /**
   * Counts a WebSocket that is about to be opened for its address, and among those without a credential. Returns the
   * address for {@link ClientSockets.left}, undefined if its address has no limit. Throws `too_many_connections` if
   * the address has reached its limit.
   */
  upgrading(request: IncomingMessage, socket: Duplex): string | undefined {
    const address = this.addresses.ofRequest(request);
    this.#enter(address);
    this.#waiting.add(socket, address);
    return address;
  }

  /** Removes a connection of an address. */
  left(address: string | undefined): void {
    if (address !== undefined) this.#counts.leave(address);
  }

  /** Resolves when a socket without a credential may become a WebSocket. */
  turn(socket: Duplex): Promise<void> {
    return this.#pace.turn(socket);
  }

  /** Marks a socket as a WebSocket, whose peer can read close frames, and send its credential from now on. */
  upgraded(socket: Duplex): void {
    this.#upgraded.add(socket);
    this.#waiting.renew(socket);
  }

  /** Takes a socket out of those without a credential, because its credential was verified. */
  verified(socket: Duplex): boolean {
    const isNew = this.#waiting.remove(socket);
    if (isNew && this.#upgraded.has(socket)) this.#pace.earn();
    return isNew || this.#resting.remove(socket);
  }

  /** Lets the socket of an authenticated request rest after its answer. */
  authenticated({ incoming, outgoing }: HttpExchange): void {
    if (this.verified(incoming.socket)) outgoing.on("close", this.#onAnswered);
  }

  /**
   * Counts a stream or a poll for its address until its answer has ended. Throws `too_many_connections` if the address
   * has reached its limit.
   */
  hold({ incoming, outgoing }: HttpExchange): void {
    const address = this.addresses.ofRequest(incoming);
    this.#enter(address);
    if (address !== undefined) outgoing.on("close", () => this.#counts.leave(address));
  }

  #enter(address: string | undefined): void {
    if (address === undefined || this.#counts.enter(address)) return;
    this.#refusals.add("address", address);
    throw MilepostError.from(tooMany);
  }

  #drop(socket: Duplex, reason: DropReason): void {
    const reasons = { address: "unauthenticated_address", pool: "unauthenticated" } as const;
    this.#refusals.add(reasons[reason]);
    // The few bytes go to the system at once, unless the peer does not read. Then it gets none.
    if (this.#upgraded.has(socket) && !socket.writableEnded) socket.write(closeFrame);
    socket.destroy();
  }
}

/** Both sides of one HTTP request. */
interface HttpExchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function frameOfClose(code: number, reason: string): Buffer {
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
  return Buffer.concat([Buffer.from([0x88, payload.length]), payload]);
}
