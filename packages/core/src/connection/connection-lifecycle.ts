import type { CloseCode, ServerMessage } from "@milepost/protocol";
import { unknownVisibleMs } from "../cluster/page-visibility.ts";
import { type Principal, personOf } from "../rules/principal.ts";
import { closeClassOf } from "../runtime/instruments.ts";
import { Deadline } from "../runtime/timer-wheel.ts";
import { SendQueue, type SendQueueOwner } from "../send-queue/send-queue.ts";
import type { Transport } from "../send-queue/transport.ts";
import type { ConnectedClient } from "./connected-client.ts";
import type { LifecycleContext } from "./connection-context.ts";
import {
  type ConnectionEvent,
  type ConnectionState,
  connectionTransitions,
} from "./connection-state.ts";

/** Time a peer has to answer a close before its socket is torn down, in milliseconds. */
const closeGraceMs = 5_000;
const noticeAheadMs = 60_000;
const silenceSlackMs = 5_000;

const awaitingAuth: ConnectionState = { name: "awaiting_auth" };
const unlimited: ConnectionState = { name: "open", expiresAt: undefined, noticeMs: undefined };
/** Values of a connection's sign of its page, which is a time otherwise. */
const shown = -1;
const hidden = -2;
const closed: ConnectionState = { name: "closed" };

/** A connection that reacts to the events of its own lifecycle. */
export interface LifecycleOwner extends ConnectedClient {
  /** Frees the resources of the connection; called once. */
  onEnd(): void;
  /** Called when no credential was verified within the authentication timeout. */
  onAuthTimeout(): void;
  /** Called when the credential has expired. */
  onExpired(): void;
  /**
   * Called once per credential before it expires: 60 s ahead, or when half of its remaining life has passed if
   * that is later.
   */
  onExpiring(expiresAt: number): void;
  /**
   * Time after which the connection is closed because its client did nothing but send and answer pings, in
   * milliseconds; infinite if it may stay.
   */
  readonly idleTimeoutMs: number;
  /** Called with each ping of the node, about every 30 s. */
  onBeat(): void;
}

/**
 * Lifecycle of one connection: its send queue, heartbeats, the expiry of its credential, and a close that
 * always completes.
 *
 * The lifecycle is one deadline on the node's timer wheel, set to the earliest of the connection's timeouts.
 */
export class ConnectionLifecycle extends Deadline implements SendQueueOwner {
  readonly transport: Transport;
  readonly sendQueue: SendQueue;
  readonly #owner: LifecycleOwner;
  readonly #context: LifecycleContext;
  readonly #openedAt: number;
  #state: ConnectionState;
  /** Principal under which the connection takes its slot. The user of a session may change meanwhile. */
  #counted: Principal | undefined;
  #aliveAt: number;
  #actedAt: number;
  #pingedAt: number;
  /** Time of the last message while the visibility of the page is unknown; `shown` or `hidden` once it is known. */
  #sign: number;

  /** Adds the owner to this node's connections. With `isVerified`, the connection is open at once. */
  constructor(
    owner: LifecycleOwner,
    transport: Transport,
    context: LifecycleContext,
    isVerified: boolean,
  ) {
    super();
    const { ticker, limits, connections, instruments } = context;
    this.transport = transport;
    this.sendQueue = new SendQueue(transport, ticker, limits.maxSendQueueBytes, this);
    this.#owner = owner;
    this.#context = context;
    this.#state = isVerified ? unlimited : awaitingAuth;
    const now = this.#now();
    this.#openedAt = now;
    this.#aliveAt = now;
    this.#actedAt = now;
    this.#pingedAt = now;
    this.#sign = now;
    connections.add(owner, transport.passes);
    if (transport.passes !== true) {
      instruments.connectionsOpened[transport.consumer ?? "websocket"].add(1);
    }
  }

  get isAwaitingAuth(): boolean {
    return this.#state.name === "awaiting_auth";
  }

  get isOpen(): boolean {
    return this.#state.name === "open";
  }

  /** True once nothing more is sent, and messages that arrive are ignored. */
  get isEnding(): boolean {
    return this.#state.name === "closing" || this.#state.name === "closed";
  }

  /** True when nothing has arrived from the peer for longer than the ping interval plus 5 s. */
  get isSilent(): boolean {
    return this.#now() - this.#aliveAt > this.#context.limits.pingIntervalMs + silenceSlackMs;
  }

  /** Bytes that wait to be sent to the peer. */
  get waitingBytes(): number {
    return this.sendQueue.waitingBytes;
  }

  /** True while the page is visible, or nothing is known and the client has sent a message in the last 60 s. */
  get isVisible(): boolean {
    if (!this.isOpen) return false;
    if (this.#sign < 0) return this.#sign === shown;
    return this.#now() - this.#sign < unknownVisibleMs;
  }

  /** Records whether the page is visible. */
  onVisibility(isVisible: boolean): void {
    this.#sign = isVisible ? shown : hidden;
  }

  /** True if something has arrived from the peer at `time` on the monotonic clock or later, in milliseconds. */
  isAliveSince(time: number): boolean {
    return this.#aliveAt >= time;
  }

  /**
   * True while the connection belongs in the cluster registry: it is open and does not exist for just one
   * request.
   */
  get isRegistered(): boolean {
    return this.isOpen && this.transport.passes !== true;
  }

  /** Time the connection was opened, in milliseconds since 1970. */
  get since(): number {
    return Math.round(this.#context.clock.now() - (this.#now() - this.#openedAt));
  }

  /** Queues a message behind the messages sent before it; returns its size in bytes. */
  send(message: ServerMessage): number {
    const bytes = this.transport.encoder.encodeMessage(message);
    this.sendQueue.push(bytes);
    this.#context.instruments.messagesSent.add(1);
    return bytes.byteLength;
  }

  /** Opens the connection after its credential was verified; returns false when it has ended meanwhile. */
  open(): boolean {
    if (this.#next("verified") !== "open") return false;
    this.#state = unlimited;
    return true;
  }

  /** Enters the connection into the registry of all nodes under its id. */
  register(): void {
    if (!this.isRegistered) return;
    this.#counted = this.#owner.principal;
    this.#context.registration.enter(this.#owner);
  }

  /** Sets the expiry of the credential: its own, or the end of its session if that is earlier. */
  expireWith(principal: Principal): void {
    const { expiresAt } = principal;
    const { sessionEndsAt } = personOf(principal);
    const isBySession =
      sessionEndsAt !== undefined && sessionEndsAt < (expiresAt ?? sessionEndsAt + 1);
    // A new token would not extend the session, so its end is not announced.
    if (isBySession) this.endAt(sessionEndsAt);
    else this.expireAt(expiresAt);
  }

  /** Sets the expiry of the credential without announcing it, in milliseconds since 1970. */
  endAt(expiresAt: number): void {
    if (!this.isOpen) return;
    this.#state = { name: "open", expiresAt, noticeMs: undefined };
    this.#context.wallClock.begin();
    this.arm();
  }

  /** Sets the expiry of the credential, in milliseconds since 1970; undefined if it never expires. */
  expireAt(expiresAt: number | undefined): void {
    if (!this.isOpen) return;
    if (expiresAt === undefined) this.#state = unlimited;
    else {
      // The expiry of a short-lived credential is announced when half of its remaining life has passed. With a
      // fixed notice of 60 s, the client would renew without a pause.
      const left = expiresAt - this.#context.clock.now();
      const noticeMs = Math.floor(Math.min(noticeAheadMs, left / 2));
      this.#state = { name: "open", expiresAt, noticeMs };
      this.#context.wallClock.begin();
    }
    this.arm();
  }

  /** Sets the timer to the earliest ping, timeout or notice that is due. */
  arm(): void {
    this.#context.wheel.set(this, Math.max(0, this.#nextDelayMs()));
  }

  /**
   * Closes the connection. Queued messages are written first if the transport has room, and are dropped
   * otherwise.
   */
  close(code: CloseCode, reason: string): void {
    const wasRegistered = this.isRegistered;
    if (this.#next("close") !== "closing") return;
    this.#state = { name: "closing", closedAt: this.#now(), code };
    if (wasRegistered) this.#unregister();
    this.#owner.onEnd();
    this.sendQueue.flush();
    this.sendQueue.close();
    this.transport.close(code, reason);
    // A transport may report its end during `close`, and then no timer is needed.
    if (this.#state.name === "closing") this.arm();
  }

  /** Tears the socket down without waiting for the peer. */
  abandon(): void {
    this.transport.terminate();
    this.onClose();
  }

  /** Records that the peer has just sent something, which restarts the idle timeout. */
  onAlive(): void {
    this.#aliveAt = this.#now();
  }

  /** Records that the client did something other than send or answer pings. */
  onAction(): void {
    this.#actedAt = this.#aliveAt;
    if (this.#sign >= 0) this.#sign = this.#aliveAt;
  }

  /** Records that the client was sent something it waits for, which restarts its time of inactivity. */
  onShown(): void {
    this.#actedAt = this.#now();
  }

  /** Writes the send queue, because the transport has room again. */
  onDrain(): void {
    this.sendQueue.flush();
  }

  /** Frees the resources of the connection, because its transport has closed. */
  onClose(): void {
    const code = this.#state.name === "closing" ? this.#state.code : undefined;
    const wasRegistered = this.isRegistered;
    if (this.#next("gone") !== "closed") return;
    this.#state = closed;
    if (wasRegistered) this.#unregister();
    if (code === undefined) this.#owner.onEnd();
    this.sendQueue.close();
    this.#context.wheel.clear(this);
    const { connections, instruments } = this.#context;
    connections.delete(this.#owner);
    if (this.transport.passes === true) return;
    instruments.connectionsClosed[this.#owner.consumer][closeClassOf(code)].add(1);
    if (code !== undefined) instruments.closes[`${code}`].add(1);
  }

  #unregister(): void {
    const { slots, registration } = this.#context;
    if (this.#counted !== undefined) slots.release(this.#counted);
    registration.leave(this.#owner);
  }

  /** Closes the connection with 4002: its send queue has overflowed, because the peer reads too slowly. */
  onOverflow(): void {
    // The close flushes the queue, which reports its overflow again.
    if (this.isEnding) return;
    this.#context.instruments.sendQueueOverflows.add(1);
    this.close(4002, "slow consumer");
  }

  override onDue(): void {
    const { clock, limits } = this.#context;
    if (this.#state.name === "closing") {
      this.abandon();
      return;
    }
    // Queued bytes must be written even if the transport has not reported a drain.
    this.sendQueue.flush();
    const now = this.#now();
    if (this.isAwaitingAuth && now - this.#openedAt >= limits.authTimeoutMs) {
      this.#owner.onAuthTimeout();
    } else if (now - this.#aliveAt >= limits.idleTimeoutMs) {
      this.#context.instruments.heartbeatFailures.add(1);
      this.close(4003, "no sign of life");
    } else if (this.#expiresAt <= clock.now()) this.#owner.onExpired();
    else if (this.isOpen && now - this.#actedAt >= this.#owner.idleTimeoutMs) {
      this.close(4004, "nothing was done for the idle timeout");
    }
    if (this.isEnding) return;
    if (now - this.#pingedAt >= this.#pingIntervalMs) {
      this.#pingedAt = now;
      this.transport.ping();
      this.#owner.onBeat();
    }
    this.#announceExpiry();
    this.arm();
  }

  /**
   * Returns the monotonic time in whole milliseconds. V8 keeps small integers in the object itself, but allocates
   * 16 bytes for each fraction; a connection keeps three times.
   */
  #now(): number {
    return Math.floor(this.#context.clock.monotonic());
  }

  get #pingIntervalMs(): number {
    return this.transport.pingIntervalMs ?? this.#context.limits.pingIntervalMs;
  }

  get #expiresAt(): number {
    const state = this.#state;
    return (state.name === "open" ? state.expiresAt : undefined) ?? Number.POSITIVE_INFINITY;
  }

  #announceExpiry(): void {
    const state = this.#state;
    if (state.name !== "open" || state.expiresAt === undefined) return;
    const { expiresAt, noticeMs } = state;
    if (noticeMs === undefined || expiresAt - noticeMs > this.#context.clock.now()) return;
    this.#state = { ...state, noticeMs: undefined };
    this.#owner.onExpiring(expiresAt);
  }

  #next(event: ConnectionEvent): ConnectionState["name"] | undefined {
    return connectionTransitions[this.#state.name][event];
  }

  #nextDelayMs(): number {
    const { clock, limits } = this.#context;
    const now = this.#now();
    const state = this.#state;
    if (state.name === "closing") return state.closedAt + closeGraceMs - now;
    let delay = Math.min(
      this.#pingedAt + this.#pingIntervalMs - now,
      this.#aliveAt + limits.idleTimeoutMs - now,
    );
    if (state.name === "awaiting_auth") {
      delay = Math.min(delay, this.#openedAt + limits.authTimeoutMs - now);
    } else if (state.name === "open" && state.expiresAt !== undefined) {
      const dueAt = state.expiresAt - (state.noticeMs ?? 0);
      delay = Math.min(delay, dueAt - clock.now());
    }
    if (state.name === "open") {
      delay = Math.min(delay, this.#actedAt + this.#owner.idleTimeoutMs - now);
    }
    return delay;
  }
}
