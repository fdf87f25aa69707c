import type { ConsumerKind } from "@milepost/engine";
import {
  type AuthMessage,
  type ClientMessage,
  type CloseCode,
  closeCodeOfCredential,
  type DialectName,
  type Failure,
  type MessageId,
  MilepostError,
  type ServerMessage,
} from "@milepost/protocol";
import type { Incoming, LiteralMessage } from "../dialects/literal-message.ts";
import { nobody, type Owners, rateLimited, type Shortage } from "../limits/traffic.ts";
import {
  isSamePerson,
  type Principal,
  personOf,
  type UserPrincipal,
  withoutGuestToken,
} from "../rules/principal.ts";
import type { SendQueue } from "../send-queue/send-queue.ts";
import type { Encoder, SplitFrame, Transport, TransportEvents } from "../send-queue/transport.ts";
import type { ConnectOptions } from "./connect-options.ts";
import type { AddressableClient, ReconnectSpan } from "./connected-client.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { isOwnConnectionId, newConnectionId } from "./connection-id.ts";
import { ConnectionLifecycle, type LifecycleOwner } from "./connection-lifecycle.ts";
import { type Frame, parserFor, unsupportedFrame, valuesIn } from "./frame.ts";
import { Inbox, type InboxOwner } from "./inbox.ts";
import { Intake, type IntakeOwner } from "./intake.ts";
import { unitsOfMessage } from "./message-weight.ts";
import { decideBy, recheckSession, type SessionHolder } from "./session-end.ts";
import { type SubmissionOwner, Submissions } from "./submissions.ts";
import type { SubscriptionOwner } from "./subscription-owner.ts";
import { Subscriptions } from "./subscriptions.ts";
import { UpstreamReplies } from "./upstream-replies.ts";
import { welcomeOf } from "./welcome.ts";

const revokedReason = "the token was revoked";

/**
 * Verification of a connection. Until a credential is verified, it holds the connect request, and then the
 * connection's id and owner.
 */
type Identity =
  | { readonly isVerified: false; readonly request: ConnectOptions }
  | { readonly isVerified: true; readonly id: string; readonly principal: Principal };

/** Connection whose client speaks the Milepost protocol, in any of its dialects. */
export class Connection
  implements
    TransportEvents,
    LifecycleOwner,
    AddressableClient,
    SubscriptionOwner,
    InboxOwner,
    SessionHolder,
    SubmissionOwner,
    IntakeOwner
{
  readonly #context: ConnectionContext;
  readonly #life: ConnectionLifecycle;
  readonly #subscriptions: Subscriptions;
  #identity: Identity;
  /** Queue of what the client has sent; undefined until its first message. Many clients never send one. */
  #inbox: Inbox | undefined;
  /** Reader of what the client sends; undefined while it sends nothing. */
  #intake: Intake | undefined;
  #submissions: Submissions | undefined;
  #upstreamReplies: UpstreamReplies | undefined;

  constructor(transport: Transport, request: ConnectOptions, context: ConnectionContext) {
    this.#context = context;
    this.#identity = { isVerified: false, request };
    this.#life = new ConnectionLifecycle(this, transport, context, false);
    this.#subscriptions = new Subscriptions(this, context);
    if (request.principal === undefined) this.#life.arm();
    else this.#open(request.principal, request);
  }

  get id(): string {
    return this.#identity.isVerified ? this.#identity.id : "";
  }

  get principal(): Principal | undefined {
    return this.#identity.isVerified ? this.#identity.principal : undefined;
  }

  get since(): number {
    return this.#life.since;
  }

  get consumer(): ConsumerKind {
    return this.#life.transport.consumer ?? "websocket";
  }

  get encoder(): Encoder {
    return this.#life.transport.encoder;
  }

  get dialect(): DialectName {
    return this.encoder.dialect;
  }

  get sendQueue(): SendQueue {
    return this.#life.sendQueue;
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
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

  get readsAlike(): boolean {
    return this.encoder.dialect !== "plain" || this.subscriptionCount === 1;
  }

  close(code: CloseCode, reason: string): void {
    this.#life.close(code, reason);
  }

  probe(): void {
    this.#life.transport.ping();
  }

  get isVisible(): boolean {
    return this.#life.isVisible;
  }

  onVisibility(isVisible: boolean): void {
    this.#life.onVisibility(isVisible);
  }

  isAliveSince(time: number): boolean {
    return this.#life.isAliveSince(time);
  }

  abandon(): void {
    this.#life.abandon();
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
    if (this.#life.isEnding && this.#intake === undefined) return false;
    return this.#reading().control();
  }

  /**
   * Handles a message that arrived outside the connection's stream, such as a POST of an SSE client; `length`
   * is its approximate number of characters.
   */
  take(message: Incoming, length: number): void {
    this.onAlive();
    this.#inTurn(message, length);
  }

  /** Counts a frame of `messages` messages that arrived outside the stream; throws `rate_limited` if it is too much. */
  charge(messages: number, bytes: number): void {
    const { traffic } = this.#context;
    const { principal } = this;
    if (principal === undefined) return;
    traffic.charge(principal, { messages, bytes, control: 0 }, this.#reading().usage);
  }

  /**
   * Handles a message that arrived outside the connection's stream, and resolves with the reply, which is not
   * sent in the stream. Resolves with undefined if the message has no reply.
   */
  takeUpstream(message: Incoming, length: number): Promise<ServerMessage | undefined> {
    if (!message.ok) {
      return Promise.resolve({ type: "reply", id: message.id, error: message.failure });
    }
    const { value } = message;
    // A cancel has no reply of its own; the cancelled request receives one.
    const id = value.type !== "cancel" && "id" in value ? value.id : undefined;
    this.#upstreamReplies ??= new UpstreamReplies();
    const reply = id === undefined ? Promise.resolve(undefined) : this.#upstreamReplies.expect(id);
    this.take(message, length);
    if (this.#life.isEnding) this.#upstreamReplies.close();
    return reply;
  }

  send(message: ServerMessage): void {
    if (this.#upstreamReplies?.take(message) === true) return;
    const bytes = this.#life.send(this.#dated(message));
    if (message.type === "reply") this.#intake?.answered(bytes);
  }

  /** Adds the cursor and the time to replies, pings and pongs in the plain dialect. */
  #dated(message: ServerMessage): ServerMessage {
    if (this.encoder.dialect !== "plain") return message;
    const { type } = message;
    if (type !== "reply" && type !== "pong" && type !== "ping") return message;
    const timestamp = new Date(this.#context.clock.now()).toISOString();
    return { ...this.#subscriptions.cursor(), ...message, timestamp };
  }

  onReplay(size: number): void {
    this.#intake?.answered(size);
  }

  onMerged(count: number): void {
    this.#context.instruments.mergedEntries.add(count);
  }

  announceMove(reconnect: ReconnectSpan): void {
    this.send({ type: "notice", code: "move", reconnect });
  }

  reauthorise(): void {
    const identity = this.#identity;
    if (!identity.isVerified || !this.isOpen) return;
    const left = this.#unrevoked(identity.principal);
    if (left === undefined || left === identity.principal) return;
    this.#identity = { ...identity, principal: left };
    this.#subscriptions.review(left).then(
      (apply) => apply(),
      // The remaining permissions cannot be looked up, so the client has to reconnect and be authorised again.
      () => this.close(4102, revokedReason),
    );
  }

  announceShutdown(reconnect: ReconnectSpan): void {
    if (this.isOpen) this.send({ type: "notice", code: "server_shutting_down", reconnect });
  }

  announceStore(code: "degraded" | "restored"): void {
    if (this.isOpen) this.send({ type: "notice", code });
  }

  handle(message: Incoming): Promise<void> | undefined {
    if (!message.ok) {
      this.send({ type: "reply", id: message.id, error: message.failure });
      if (this.#life.isAwaitingAuth) this.close(4400, "the first message must be a valid auth");
      return undefined;
    }
    if (message.value.type !== "ping" && message.value.type !== "pong") this.#life.onAction();
    if (this.#life.isAwaitingAuth) return this.#handleBeforeAuth(message.value);
    return this.isOpen ? this.#handleOpen(message.value) : undefined;
  }

  carriesChunks(id: MessageId): boolean {
    return this.#upstreamReplies?.expects(id) !== true;
  }

  refuseMessage(message: Incoming): void {
    const error = new MilepostError(
      "rate_limited",
      "too many messages wait for an answer; send fewer at once",
      { retryAfterMs: 1_000 },
    );
    if (message.ok && message.value.type === "chunk") {
      this.#submissions?.fail(message.value.stream, error);
      return;
    }
    this.refuse(idOf(message), error);
  }

  /**
   * Answers a message with an error. An error that is not a MilepostError is logged with the fields of `about`.
   */
  refuse(id: MessageId | null, error: unknown, about?: Record<string, unknown>): void {
    this.send({ type: "reply", id, error: this.#context.errorLog.failureOf(error, about) });
  }

  /** Answers a message that asks for something this version does not support with `not_supported`. */
  refuseUnsupported(id: MessageId | null, what: string): void {
    const message = `${what} is not offered by this version of the gateway`;
    this.refuse(id, new MilepostError("not_supported", message));
  }

  onEnd(): void {
    this.#inbox?.close();
    this.#intake?.close();
    this.#submissions?.close();
    this.#upstreamReplies?.close();
    this.#context.connections.unname(this.id, this);
    this.#subscriptions.leaveAll();
  }

  onAuthTimeout(): void {
    this.close(4408, "no credential arrived in time");
  }

  onExpired(): void {
    const at = decideBy(this.principal, this.#context.clock.now());
    if (at === undefined) this.close(4101, "the token or its session has expired");
    else {
      this.#life.endAt(at);
      this.recheckSession();
    }
  }

  recheckSession(): void {
    void recheckSession(this, this.#context);
  }

  onClockSet(): void {
    if (this.isOpen) this.#life.arm();
  }

  keepSession(principal: Principal): void {
    if (!this.#identity.isVerified) return;
    this.#identity = { ...this.#identity, principal };
    this.#life.expireWith(principal);
  }

  onSessionEnded(): void {
    this.close(4101, "the session has ended");
  }

  onExpiring(expiresAt: number): void {
    this.send({ type: "notice", code: "token_expiring", expires_at: expiresAt });
  }

  /**
   * Handles a message after those that arrived before it. A cancel of a pending request is handled at once,
   * because it must not wait behind that request.
   */
  #inTurn(message: Incoming, length: number): void {
    const { id } = message.ok && message.value.type === "cancel" ? message.value : {};
    if (id !== undefined && this.#submissions?.hasRequest(id) === true)
      this.#submissions.cancel(id);
    else if (!this.#life.isEnding) {
      this.#inbox ??= new Inbox(this);
      this.#inbox.take(message, length);
    }
  }

  #receive(frame: Frame, length: number): void {
    this.onAlive();
    const { framesReceived, bytesReceived } = this.#context.instruments;
    framesReceived.add(1);
    bytesReceived.add(length);
    if (!this.#life.isEnding && length > this.#context.limits.maxMessageBytes) {
      this.close(1009, "frame too large");
    }
    // A frame that arrives after the close is ignored. The intake reads the next one later.
    if (!this.#life.isEnding || this.#intake !== undefined) this.#reading().take(frame, length);
  }

  #reading(): Intake {
    this.#intake ??= new Intake(this, this.#context);
    return this.#intake;
  }

  split(frame: Frame): readonly unknown[] {
    const { isVerified } = this;
    const values = valuesIn(frame, this.encoder.dialect);
    if (!values.ok) {
      this.send({ type: "reply", id: null, error: values.failure });
      if (!isVerified) this.close(4400, "the first message must be auth, alone in its frame");
      return noValues;
    }
    if (!isVerified && values.value.length !== 1) {
      this.close(4400, "before auth is accepted, a frame must hold exactly one message");
      return noValues;
    }
    return values.value;
  }

  parse(value: unknown): Incoming {
    return parserFor(this.dialect)(value);
  }

  refuseTraffic(message: Incoming | undefined, shortage: Shortage): void {
    const error = rateLimited(shortage);
    if (message?.ok === true && message.value.type === "chunk") {
      this.#submissions?.fail(message.value.stream, error);
      return;
    }
    this.refuse(message === undefined ? null : idOf(message), error);
  }

  hasTurn(message: Incoming): boolean {
    const { traffic } = this.#context;
    const share = traffic.shareOf(this.#reading().usage, this.owners);
    return traffic.turns.take(share, unitsOfMessage(message));
  }

  inNextTurn(work: () => void): void {
    this.#context.traffic.turns.next(work);
  }

  pauseReading(): void {
    this.#life.transport.pauseReading?.();
  }

  resumeReading(): void {
    this.onAlive();
    this.#life.transport.resumeReading?.();
  }

  get owners(): Owners {
    const { principal } = this;
    return principal?.kind === "user" ? principal : nobody;
  }

  /** True once a credential was verified; before, the client may do nothing but send one. */
  get isVerified(): boolean {
    return this.#identity.isVerified;
  }

  /** A request that brings its own connection is counted where it arrives. */
  get isUnlimited(): boolean {
    return this.#life.transport.passes === true;
  }

  get idleTimeoutMs(): number {
    return this.#submissions?.isBusy === true
      ? Number.POSITIVE_INFINITY
      : this.#subscriptions.idleTimeoutMs;
  }

  /**
   * Asks a bare WebSocket client for a pong, since not every one answers pings of the protocol. Frees what was needed to
   * read the client, once it has sent nothing for a while.
   */
  onBeat(): void {
    const isBare = this.encoder.dialect === "plain" && this.consumer === "websocket";
    if (isBare && this.isOpen) this.send({ type: "ping" });
    if (this.#intake?.isFresh === true) this.#intake = undefined;
  }

  /**
   * Returns the principal without its revoked grants. If the credential itself was revoked, closes the
   * connection and returns undefined.
   */
  #unrevoked<P extends Principal>(principal: P): P | undefined {
    // Revocations are of users, sessions and tokens. A key is withdrawn in the configuration.
    if (principal.kind === "service") return principal;
    try {
      return this.#context.revocations.narrowed(principal) as P;
    } catch {
      this.close(4102, revokedReason);
      return undefined;
    }
  }

  #open(verified: Principal, request: ConnectOptions): void {
    const { reservedId } = request;
    // A revocation may have come since the credential was verified.
    const principal = this.#unrevoked(verified);
    if (principal === undefined) {
      if (reservedId !== undefined) this.#context.slots.cancel(verified, reservedId);
      return;
    }
    if (!this.#takeSlot(principal, request) || !this.#life.open()) return;
    this.#life.transport.verified?.();
    const context = this.#context;
    const { connectionId } = request;
    const id =
      this.#takeOver(principal, connectionId) ??
      reservedId ??
      newConnectionId(principal, context.random);
    this.#identity = { isVerified: true, id, principal: withoutGuestToken(principal) };
    context.connections.name(id, this);
    this.#life.register();
    this.send(welcomeOf(id, principal, context));
    this.#life.expireWith(principal);
    const starts = context.personal.startsOf(principal, id, request);
    const { resumeAfter } = request;
    if (resumeAfter === undefined) this.#subscriptions.startAll(starts);
    else void this.#subscriptions.startAfter(resumeAfter, starts, principal);
  }

  /** Opens the connection with a slot on all nodes; resolves with false if it has ended, or was refused. */
  async #admit(principal: Principal, request: ConnectOptions): Promise<boolean> {
    const { slots } = this.#context;
    const reservation = await slots.reserve(principal, {
      replaced: request.connectionId,
      upgrades: request.upgrades,
    });
    if (!reservation.isGranted) this.close(reservation.close, reservation.reason);
    else if (!this.#life.isAwaitingAuth) slots.cancel(principal, reservation.id);
    else this.#open(principal, { ...request, reservedId: reservation.id });
    return this.isOpen;
  }

  /** Takes a slot unless one was reserved; closes the connection and returns false if there is none. */
  #takeSlot(principal: Principal, { reservedId, connectionId }: ConnectOptions): boolean {
    if (reservedId !== undefined || this.#life.transport.passes === true) return true;
    const refusal = this.#context.slots.take(principal, connectionId);
    if (refusal !== undefined) this.close(refusal.close, refusal.reason);
    return refusal === undefined;
  }

  /**
   * Closes the live connection that this one replaces, and returns its id, or the id of one of the same person that has
   * ended. Returns undefined for any other id.
   */
  #takeOver(principal: Principal, connectionId: string | undefined): string | undefined {
    if (connectionId === undefined) return undefined;
    const replaced = this.#context.connections.byId(connectionId);
    const owner = replaced?.principal;
    if (replaced === undefined || owner === undefined) {
      return isOwnConnectionId(connectionId, principal) ? connectionId : undefined;
    }
    if (!isSamePerson(principal, owner)) return undefined;
    replaced.close(4001, "the connection continues elsewhere");
    return connectionId;
  }

  #handleBeforeAuth(message: ClientMessage | LiteralMessage): Promise<void> | undefined {
    switch (message.type) {
      case "auth":
        return this.#authenticate(message);
      case "ping":
        this.#pong(message.id);
        return undefined;
      case "pong":
        return undefined;
      default:
        this.close(4401, "the first message must be auth");
        return undefined;
    }
  }

  #handleOpen(message: ClientMessage | LiteralMessage): Promise<void> | undefined {
    const { principal } = this;
    if (principal === undefined) return undefined;
    switch (message.type) {
      case "auth":
        return this.#refresh(principal, message);
      case "subscribe":
        this.#subscriptions.onSubscribe(principal, message);
        return undefined;
      case "unsubscribe":
        return this.#subscriptions.onUnsubscribe(message);
      case "publish":
        return this.#submitting().publish(message);
      case "request":
        return this.#submitting().request(principal, message);
      case "literal":
        return this.#onLiteral(principal, message);
      case "cancel":
        this.#submissions?.cancel(message.id);
        return undefined;
      case "chunk":
        // The client sends chunks only as far as its credit goes, which is bound enough.
        if (this.#submissions?.chunk(message) === true) this.#intake?.relieve();
        return undefined;
      case "ack":
      case "nack":
        this.#subscriptions.onAck(message);
        return undefined;
      case "ping":
        this.#pong(message.id);
        return undefined;
      case "pong":
        return undefined;
    }
  }

  async #authenticate({ id, token, session }: AuthMessage): Promise<void> {
    // Nothing behind the credential is read before it is verified.
    this.#intake?.hold();
    try {
      const principal = await this.#context.verifyToken(token);
      if (!this.#life.isAwaitingAuth) return;
      if (session !== undefined && session !== principal.session) {
        this.close(4403, "the token belongs to another session");
        return;
      }
      if (!this.#identity.isVerified && !(await this.#admit(principal, this.#identity.request)))
        return;
      this.#replyAuth(id, principal);
    } catch (error) {
      if (!this.#life.isAwaitingAuth) return;
      const reason = this.#context.errorLog.failureOf(error);
      // Without an id, the reply only says when to try again.
      if (id !== undefined || reason.retry_after_ms !== undefined) {
        this.send({ type: "reply", id: id ?? null, error: reason });
      }
      this.close(closeCodeOfCredential(reason.code), credentialReason(reason));
    } finally {
      this.#intake?.proceed();
    }
  }

  async #refresh(before: Principal, { id, token, session }: AuthMessage): Promise<void> {
    try {
      if (before.kind === "service") {
        throw new MilepostError("forbidden", "a service keeps the API key that it connected with");
      }
      const person = personOf(before);
      let principal: UserPrincipal = await this.#context.verifyToken(token);
      const same =
        principal.user === person.user &&
        principal.session === person.session &&
        principal.guest === person.guest;
      if (!same || (session !== undefined && session !== principal.session)) {
        throw new MilepostError("forbidden", "use a token for the same user and session");
      }
      // Permissions are looked up before anything changes: if that fails, the old token stays in force.
      let apply = await this.#subscriptions.review(principal);
      for (;;) {
        const left = this.isOpen ? this.#unrevoked(principal) : undefined;
        if (left === undefined) return;
        if (left === principal) break;
        // Grants were revoked during the look-up, so it is repeated without them.
        principal = left;
        apply = await this.#subscriptions.review(principal);
      }
      if (this.#identity.isVerified) this.#identity = { ...this.#identity, principal };
      this.#life.expireWith(principal);
      apply();
      this.#replyAuth(id, principal);
    } catch (error) {
      if (this.isOpen) this.refuse(id ?? null, error);
    }
  }

  #replyAuth(id: MessageId | undefined, { expiresAt }: Principal): void {
    if (id === undefined) return;
    this.send({ type: "reply", id, result: { expires_at: expiresAt ?? null } });
  }

  #onLiteral(principal: Principal, message: LiteralMessage): Promise<void> | undefined {
    const translated = message.translate({ principal, joined: this.#subscriptions.joined() });
    if (translated.ok) return this.#submitting().literal(translated.value);
    this.send({ type: "reply", id: translated.id, error: translated.failure });
    return undefined;
  }

  #submitting(): Submissions {
    this.#submissions ??= new Submissions(this, this.#context);
    return this.#submissions;
  }

  joining(channel: string): Promise<void> | undefined {
    return this.#subscriptions.settled(channel);
  }

  hasJoined(channel: string): boolean {
    return this.#subscriptions.has(channel);
  }

  enter(channel: string): void {
    this.#subscriptions.enter(channel);
  }

  #pong(id: MessageId | undefined): void {
    this.send(id === undefined ? { type: "pong" } : { type: "pong", id });
  }
}

const noValues: readonly unknown[] = [];

/** Returns the id of a message for the reply to it; null if it has none. */
function idOf(message: Incoming): MessageId | null {
  if (!message.ok) return message.id;
  return "id" in message.value ? (message.value.id ?? null) : null;
}

/** Returns the reason to close with when a credential was not accepted. */
function credentialReason({ code, retryable }: Failure): string {
  if (code === "token_expired") return "the token has expired";
  if (code === "token_revoked") return revokedReason;
  if (code === "token_not_yet_valid") return "the token is not valid yet";
  return retryable ? "the token could not be checked" : "the token is not valid";
}
