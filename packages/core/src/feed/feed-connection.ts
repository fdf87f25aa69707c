import type { ConsumerKind } from "@milepost/engine";
import { type CloseCode, type ParsedMessage, parseClientMessage } from "@milepost/protocol";
import type { ReconnectSpan } from "../connection/connected-client.ts";
import type { ConnectionContext } from "../connection/connection-context.ts";
import { ConnectionLifecycle, type LifecycleOwner } from "../connection/connection-lifecycle.ts";
import { type Frame, unsupportedFrame } from "../connection/frame.ts";
import { Intake, type IntakeOwner } from "../connection/intake.ts";
import { decideBy, recheckSession, type SessionHolder } from "../connection/session-end.ts";
import type { Owners } from "../limits/traffic.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import type { SplitFrame, Transport, TransportEvents } from "../send-queue/transport.ts";
import type { FollowedOperation } from "./followed-operation.ts";
import type { FeedReader, SessionFeed } from "./session-feed.ts";

const idLength = 20;
const noValues: readonly unknown[] = [];

/**
 * Connection to a session feed.
 *
 * Every document is complete. A slow reader is therefore not sent what it missed, but the latest document of
 * each operation once it has room: it delays nobody and costs no memory.
 */
export class FeedConnection
  implements TransportEvents, LifecycleOwner, IntakeOwner, FeedReader, SessionHolder
{
  readonly id: string;
  readonly #life: ConnectionLifecycle;
  readonly #context: ConnectionContext;
  readonly #feed: SessionFeed;
  /** Operations whose latest document is still to be sent, the longest waiting first. */
  readonly #due = new Set<FollowedOperation>();
  /** Version of the document that was sent last, by operation. */
  readonly #sent = new Map<FollowedOperation, number>();
  #waiting = false;
  #principal: UserPrincipal;
  #intake: Intake | undefined;

  constructor(
    transport: Transport,
    feed: SessionFeed,
    principal: UserPrincipal,
    context: ConnectionContext,
    reservedId = context.random.id(idLength),
  ) {
    this.id = reservedId;
    this.#principal = principal;
    this.#context = context;
    this.#feed = feed;
    this.#life = new ConnectionLifecycle(this, transport, context, true);
    this.#life.expireWith(principal);
    feed.add(this);
    this.#life.register();
    this.reauthorise();
  }

  get principal(): UserPrincipal {
    return this.#principal;
  }

  get since(): number {
    return this.#life.since;
  }

  get consumer(): ConsumerKind {
    return this.#life.transport.consumer ?? "websocket";
  }

  get isOpen(): boolean {
    return this.#life.isOpen;
  }

  get isSilent(): boolean {
    return this.#life.isSilent;
  }

  get waitingBytes(): number {
    return this.#life.waitingBytes;
  }

  get isRegistered(): boolean {
    return this.#life.isRegistered;
  }

  /**
   * Always zero: the node subscribes to the channels of the feed, and the client has no subscription of its
   * own.
   */
  get subscriptionCount(): number {
    return 0;
  }

  close(code: CloseCode, reason: string): void {
    // The clients of a feed know no codes of Milepost's own.
    if (code === 4429) this.#life.close(1008, "Too many messages");
    else this.#life.close(code, reason);
  }

  probe(): void {
    this.#life.transport.ping();
  }

  get isVisible(): boolean {
    return this.#life.isVisible;
  }

  onClockSet(): void {
    if (this.isOpen) this.#life.arm();
  }

  isAliveSince(time: number): boolean {
    return this.#life.isAliveSince(time);
  }

  abandon(): void {
    this.#life.abandon();
  }

  /** Sends the operation's document, now or once the connection's send queue has room. */
  show(operation: FollowedOperation): void {
    this.#due.add(operation);
    if (!this.#waiting) this.#pump();
  }

  cancel(operation: FollowedOperation): void {
    this.#due.delete(operation);
  }

  forget(operation: FollowedOperation): void {
    this.#sent.delete(operation);
  }

  onText(text: string): void {
    this.#receive(text, text.length);
  }

  onBinary(bytes: Uint8Array, split: SplitFrame): void {
    this.#receive({ bytes, split }, bytes.byteLength);
  }

  onUnsupportedFrame(): void {
    this.#receive(unsupportedFrame, 0);
  }

  onControl(): boolean {
    this.onAlive();
    return this.#reading().control();
  }

  onAlive(): void {
    this.#life.onAlive();
  }

  onDrain(): void {
    this.#life.onDrain();
  }

  onClose(): void {
    this.#life.onClose();
    if (this.#intake !== undefined) this.#context.wheel.clear(this.#intake);
  }

  // A feed has nothing to do for its client: frames are counted and ignored.
  get owners(): Owners {
    return this.principal;
  }

  get isVerified(): boolean {
    return true;
  }

  get isUnlimited(): boolean {
    return false;
  }

  split(): readonly unknown[] {
    return noValues;
  }

  parse(value: unknown): ParsedMessage {
    return parseClientMessage(value);
  }

  take(): void {}
  refuseTraffic(): void {}

  pauseReading(): void {
    this.#life.transport.pauseReading?.();
  }

  resumeReading(): void {
    this.#life.transport.resumeReading?.();
  }

  reauthorise(): void {
    try {
      this.#context.revocations.narrowed(this.principal);
    } catch {
      this.close(1008, "Session revoked");
    }
  }

  announceShutdown(reconnect: ReconnectSpan): void {
    if (this.isOpen) this.#life.send({ type: "notice", code: "server_shutting_down", reconnect });
  }

  // Every other frame of a feed is a document. The reader needs no other announcement: the close reason says why the
  // connection ends.
  announceStore(): void {}
  announceMove(): void {}
  onExpiring(): void {}

  onEnd(): void {
    this.#intake?.close();
    this.#due.clear();
    this.#sent.clear();
    this.#feed.delete(this);
  }

  onAuthTimeout(): void {
    this.close(1008, "Invalid session");
  }

  onExpired(): void {
    const at = decideBy(this.#principal, this.#context.clock.now());
    if (at === undefined) this.onSessionEnded();
    else {
      this.#life.endAt(at);
      this.recheckSession();
    }
  }

  recheckSession(): void {
    void recheckSession(this, this.#context);
  }

  keepSession(principal: UserPrincipal): void {
    this.#principal = principal;
    this.#life.expireWith(principal);
  }

  onSessionEnded(): void {
    this.close(1008, "Session expired");
  }

  /** A feed is read only, so that its clients may stay silent unless the rule of the session's channel limits it. */
  get idleTimeoutMs(): number {
    return this.#feed.idleTimeoutMs;
  }

  onBeat(): void {
    if (this.#intake?.isFresh === true) this.#intake = undefined;
  }

  #receive(frame: Frame, length: number): void {
    this.onAlive();
    this.#life.onAction();
    this.#reading().take(frame, length);
  }

  #reading(): Intake {
    this.#intake ??= new Intake(this, this.#context);
    return this.#intake;
  }

  #pump(): void {
    for (const operation of this.#due) {
      const drained = this.#life.sendQueue.drained();
      if (drained !== undefined) {
        this.#waiting = true;
        void drained.then(() => {
          this.#waiting = false;
          this.#pump();
        });
        return;
      }
      this.#due.delete(operation);
      const document = operation.document(this.#life.transport.encoder);
      // A reader that joined since the last change has its document already.
      if (document === undefined || document.version === this.#sent.get(operation)) continue;
      this.#sent.set(operation, document.version);
      this.#life.sendQueue.push(document.bytes);
      this.#life.onShown();
    }
  }
}
