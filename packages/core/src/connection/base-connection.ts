import type { CloseCode, Parsed, ServerMessage } from "@milepost/protocol";
import type { NodeContext } from "../node/node-context.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import { Deadline } from "../runtime/timer-wheel.ts";
import { SendQueue } from "../send-queue/send-queue.ts";
import type { Encoder, Transport, TransportEvents } from "../send-queue/transport.ts";
import {
  type ConnectionEvent,
  type ConnectionState,
  connectionTransitions,
} from "./connection-state.ts";

/** A peer that does not answer a close is torn down after so long. */
const closeGraceMs = 5_000;
const noticeAheadMs = 60_000;
const silenceSlackMs = 5_000;
/** A wall clock that is set on is noticed in time to end a credential within 5 s. */
const wallCheckMs = 4_800;

/**
 * One socket and what every one needs: an outbox, heartbeats, the end of its token, a close that ends.
 *
 * It is its own and only deadline on the node's wheel: the next of all that it waits for.
 */
export abstract class BaseConnection extends Deadline implements TransportEvents {
  readonly transport: Transport;
  readonly encoder: Encoder;
  readonly sendQueue: SendQueue;
  protected readonly context: NodeContext;
  #state: ConnectionState;
  #sinceAt: number;
  #aliveAt: number;
  #pingedAt: number;
  #expiresAt: number | undefined;
  /** When to announce it; undefined once that is done. */
  #noticeAt: number | undefined;

  constructor(transport: Transport, context: NodeContext, state: "awaiting_auth" | "open") {
    super();
    const { ticker, limits, clock, connections } = context;
    this.transport = transport;
    this.encoder = transport.encoder;
    this.context = context;
    this.#state = state;
    this.sendQueue = new SendQueue(transport, ticker, limits.maxOutboxBytes, this);
    const now = clock.monotonic();
    this.#sinceAt = now;
    this.#aliveAt = now;
    this.#pingedAt = now;
    connections.add(this);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether nothing more is sent or looked at. */
  get isEnding(): boolean {
    return this.#state === "closing" || this.#state === "closed";
  }

  /** Whether it has been silent past a ping and the time an answer may take. */
  get isSilent(): boolean {
    const silentMs = this.context.clock.monotonic() - this.#aliveAt;
    return silentMs > this.context.limits.pingIntervalMs + silenceSlackMs;
  }

  /** Sends one message in order with everything else. */
  send(message: ServerMessage): void {
    this.sendQueue.push(this.encoder.encodeMessage(message));
  }

  /** Ends the connection once what was sent before is written. */
  close(code: CloseCode, reason: string): void {
    const wasRegistered = this.isRegistered;
    if (!this.move("close")) return;
    if (wasRegistered) this.context.registration.leave(this);
    this.onEnd();
    this.sendQueue.flush();
    this.sendQueue.close();
    this.transport.close(code, reason);
    this.#sinceAt = this.context.clock.monotonic();
    this.arm();
  }

  /** Tears it down: the peer did not answer the close. */
  abandon(): void {
    this.transport.terminate();
    this.onClose();
  }

  /** When it was opened, in milliseconds since 1970. */
  get since(): number {
    const { clock } = this.context;
    return Math.round(clock.now() - (clock.monotonic() - this.#sinceAt));
  }

  /** Whether the registry of all nodes has it. */
  get isRegistered(): boolean {
    return this.isOpen && this.transport.passes !== true;
  }

  /** It is known by its id from now on. */
  protected enter(): void {
    if (this.isRegistered) this.context.registration.enter(this);
  }

  /** What the registry knows it by. */
  abstract readonly id: string;
  /** Who is at it; undefined before that is verified. */
  abstract readonly principal: UserPrincipal | undefined;
  /** Something was revoked: it may mean this one. */
  abstract reauthorise(): void;
  /** Tells the peer to reconnect elsewhere. */
  abstract announceMove(reconnect: { readonly min_ms: number; readonly max_ms: number }): void;
  /** How many channels it reads by its own wish. */
  abstract readonly subscriptionCount: number;
  /** Tells the peer that the node will go away. */
  abstract announceShutdown(reconnect: { readonly min_ms: number; readonly max_ms: number }): void;
  /** Tells the peer that the node has lost its store, or has it back. */
  abstract announceStore(code: "degraded" | "restored"): void;
  abstract onText(text: string): void;
  abstract onValues(frame: Parsed<readonly unknown[]>, length: number): void;
  abstract onUnsupportedFrame(): void;

  onAlive(): void {
    this.#aliveAt = this.context.clock.monotonic();
  }

  onDrain(): void {
    this.sendQueue.flush();
  }

  onClose(): void {
    const wasClosing = this.#state === "closing";
    const wasRegistered = this.isRegistered;
    if (!this.move("gone")) return;
    if (wasRegistered) this.context.registration.leave(this);
    if (!wasClosing) this.onEnd();
    this.sendQueue.close();
    this.context.wheel.clear(this);
    this.context.connections.delete(this);
  }

  /** The outbox has too much for a peer that reads too slowly. */
  onOverflow(): void {
    this.close(4002, "slow consumer");
  }

  override onDue(): void {
    const { clock, limits } = this.context;
    const now = clock.monotonic();
    if (this.#state === "closing") {
      this.abandon();
      return;
    }
    // A transport that never said it drained must not hold back what waits.
    this.sendQueue.flush();
    if (this.#state === "awaiting_auth" && now - this.#sinceAt >= limits.authTimeoutMs) {
      this.onAuthTimeout();
    } else if (now - this.#aliveAt >= limits.idleTimeoutMs) {
      this.close(4003, "no sign of life");
    } else if (this.#expiresAt !== undefined && this.#expiresAt <= clock.now()) {
      this.onExpired();
    }
    if (this.isEnding) return;
    if (now - this.#pingedAt >= limits.pingIntervalMs) {
      this.#pingedAt = now;
      this.transport.ping();
    }
    if (this.#noticeAt !== undefined && this.#noticeAt <= clock.now()) {
      this.#noticeAt = undefined;
      this.onExpiring(this.#expiresAt ?? 0);
    }
    this.arm();
  }

  /** The credential ends then; undefined: never. */
  protected expireAt(expiresAt: number | undefined): void {
    this.#expiresAt = expiresAt;
    this.#noticeAt = undefined;
    if (expiresAt !== undefined) {
      // Half of a short life is left for renewing, or renewal would follow renewal without a pause.
      const left = expiresAt - this.context.clock.now();
      this.#noticeAt = expiresAt - Math.min(noticeAheadMs, left / 2);
    }
    this.arm();
  }

  /** Whether the event means anything in this state; then the state has changed. */
  protected move(event: ConnectionEvent): boolean {
    const next = connectionTransitions[this.#state][event];
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  /** Waits for the next thing that is due. */
  protected arm(): void {
    this.context.wheel.set(this, Math.max(0, this.#nextDelayMs()));
  }

  /** Frees what the connection holds; called once. */
  protected abstract onEnd(): void;
  protected abstract onAuthTimeout(): void;
  protected abstract onExpired(): void;
  /** The credential ends soon; called once per credential. */
  protected abstract onExpiring(expiresAt: number): void;

  #nextDelayMs(): number {
    const { clock, limits } = this.context;
    const now = clock.monotonic();
    if (this.#state === "closing") return this.#sinceAt + closeGraceMs - now;
    let delay = Math.min(
      this.#pingedAt + limits.pingIntervalMs - now,
      this.#aliveAt + limits.idleTimeoutMs - now,
    );
    if (this.#state === "awaiting_auth") {
      delay = Math.min(delay, this.#sinceAt + limits.authTimeoutMs - now);
    }
    if (this.#expiresAt !== undefined) {
      delay = Math.min(delay, (this.#noticeAt ?? this.#expiresAt) - clock.now(), wallCheckMs);
    }
    return delay;
  }
}
