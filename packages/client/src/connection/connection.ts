import { type ClientMessage, closeVerdict, isRecord, MilepostError } from "@milepost/protocol";
import { defaultMaxMessageBytes } from "../request/requests.ts";
import type { Cancel, ClientClock } from "../runtime/clock.ts";
import { Listeners } from "../runtime/listeners.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { Outgoing } from "../transport/outgoing.ts";
import { type RawMessage, readFrame } from "../transport/server-frame.ts";
import type {
  Transport,
  TransportConnection,
  TransportConnectionEvents,
} from "../transport/transport.ts";
import type { TransportTrial } from "../transport/transport-trial.ts";
import type { CreateUpgrade, Upgrade, Upgrading } from "../transport/transport-upgrade.ts";
import type { Backoff } from "./backoff.ts";
import {
  type ConnectionAction,
  type ConnectionEvent,
  type ConnectionState,
  connectionTransitions,
} from "./connection-state.ts";
import { Heartbeat } from "./heartbeat.ts";
import { eventOf, type Loss, lossOf, noLoss } from "./loss.ts";
import type { MetricsRecorder } from "./metrics.ts";
import { PlannedMove } from "./planned-move.ts";
import { serviceError } from "./service-error.ts";
import { lateToken, type TokenKeeper, tokenWaitMs } from "./token.ts";
import { watchWakeSignals } from "./wake-signals.ts";

/**
 * Time limit of a connection attempt in milliseconds, from its token to the welcome. After it the attempt counts as
 * failed.
 */
const connectTimeoutMs = 30_000;
/**
 * Lifetime in milliseconds after which a connection counts as stable and resets the backoff; a shorter one
 * counts as another failure.
 */
const stableAfterMs = 5_000;
const defaultPingIntervalMs = 30_000;
/** Close code with which either end, or a proxy, answers a frame that is too large for it. */
const tooLarge = 1009;
/**
 * Longest wait before a reconnect that the gateway or a proxy can ask for, in milliseconds, so that a wrong
 * `Retry-After` does not keep the client offline for good.
 */
const maxAskedMs = 3_600_000;

/** Shortest wait in milliseconds after a close that says that the client uses too much. */
const laterMs = 30_000;

/** Parts that a connection is built from. */
export interface ConnectionParts {
  /** Returns the gateway's address. */
  address(): URL;
  /** Choice of the transport for the next attempt. */
  readonly transports: { readonly current: Transport };
  /** Judge of the current transport; needed with more than one. */
  readonly trial: TransportTrial | undefined;
  /** Creates the part that returns to a better transport; needed with more than one. */
  readonly upgrade: CreateUpgrade | undefined;
  readonly token: TokenKeeper;
  readonly backoff: Backoff;
  readonly clock: ClientClock;
  readonly schedule: Schedule;
  readonly metrics: MetricsRecorder | undefined;
  readonly reporter: Reporter;
  /**
   * Longest wait of a publish or request so that several are sent together, in milliseconds; 0 sends those of the
   * same tick together.
   */
  readonly batchMs: number;
}

/**
 * Callbacks of a connection to the rest of the client. They run inside the event of the transport that causes
 * them.
 */
export interface ConnectionEvents {
  /** Called after the welcome, with the gateway's size limit of a message. */
  onUp(maxMessageBytes: number): void;
  /** Called when the connection is lost; `isTooLarge` if something said that a message was too large. */
  onDown(isTooLarge: boolean): void;
  onClosed(code: number, reason: string): void;
  onMessage(message: RawMessage): void;
  /**
   * Called when the gateway announces that the credential expires soon; a new one keeps the connection open.
   */
  onTokenExpiring(): void;
  /** Called when the page has become visible or hidden. */
  onVisibility(): void;
}

/** Credential of one transport connection. */
interface Credential {
  token: string | undefined;
}

/**
 * One logical connection over successive transport connections. It applies the transition table and performs
 * its actions.
 */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #events: ConnectionEvents;
  readonly #heartbeat: Heartbeat;
  readonly #upgrade: Upgrade | undefined;
  readonly #listeners: Listeners<ConnectionState>;
  readonly #outgoing: Outgoing;
  #state: ConnectionState = { state: "idle" };
  #transport: TransportConnection | undefined;
  /** Credential of the current transport connection. */
  #credential: Credential = { token: undefined };
  /** Number of the current attempt or connection; frames and results of older ones are ignored. */
  #generation = 0;
  /** True after a transport upgrade, until the new connection's welcome is read. */
  #adopting = false;
  /** Number of losses in a row since the last stable connection. */
  #failures = 0;
  /** Wait that the gateway asked for during this attempt, in milliseconds. */
  #askedMs: number | undefined;
  /** True while the client waits because it was asked to; wake events do not end such a wait. */
  #mustWait = false;
  #connectionId: string | undefined;
  #connectedAt = 0;
  #timer: Cancel | undefined;
  readonly #move: PlannedMove;
  #stopWatching: (() => void) | undefined;

  constructor(parts: ConnectionParts, events: ConnectionEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#listeners = new Listeners(parts.reporter);
    this.#move = new PlannedMove(parts);
    this.#outgoing = new Outgoing(parts.schedule, parts.batchMs, (messages) =>
      this.#transport?.send(messages, this.#outgoing.maxBytes),
    );
    this.#heartbeat = new Heartbeat(parts.clock, parts.schedule, {
      ping: (id) => this.send({ type: "ping", id }),
      onRoundTrip: (rttMs) => parts.metrics?.roundTrip(rttMs),
      onDead: () => this.#lose({ code: 4003, reason: "heartbeat_lost" }),
    });
    this.#upgrade = parts.upgrade?.(parts, (upgrading) => this.#adopt(upgrading));
  }

  get isUp(): boolean {
    return this.#state.state === "connected";
  }

  get state(): ConnectionState {
    return this.#state;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    return this.#listeners.add(listener);
  }

  connect(): void {
    this.#dispatch("connect");
  }

  retryNow(): void {
    this.#dispatch("due");
  }

  /**
   * Closes the client. Resolves when the socket, if there is one, has closed, after one second at the latest.
   */
  close(): Promise<void> {
    const transport = this.#transport;
    this.#dispatch("close", { code: 1000, reason: "normal", message: "closed by the application" });
    if (transport === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#parts.schedule.after(1_000, resolve);
      void transport.closed.then(() => {
        cancel();
        resolve();
      });
    });
  }

  /**
   * Sends a message while connected and drops it otherwise. Calls that must not be lost are sent again by their
   * own part of the client after a reconnect.
   */
  send(message: ClientMessage): void {
    this.sendText(JSON.stringify(message));
  }

  /** Sends text that already is an encoded message. With `canWait` it may wait to be sent with others. */
  sendText(text: string, canWait = false): void {
    if (this.isUp) this.#outgoing.add(text, canWait);
  }

  /** Records that the gateway has accepted another token on the open connection. */
  renewed(token: string): void {
    this.#credential.token = token;
    this.#transport?.renew?.(token);
  }

  #dispatch(event: ConnectionEvent, loss: Loss = noLoss, welcome?: RawMessage): void {
    const action: ConnectionAction = connectionTransitions[this.#state.state][event];
    switch (action) {
      case "ignore":
        return;
      case "start":
        this.#failures = 0;
        this.#stopWatching ??= watchWakeSignals({
          onWake: () => {
            if (!this.#mustWait) this.retryNow();
          },
          onVisibility: () => this.#events.onVisibility(),
          onDoubt: () => this.#heartbeat.probe(),
        });
        this.#open();
        break;
      case "retry":
        this.#open();
        break;
      case "establish":
        this.#establish(welcome ?? { type: "welcome" });
        break;
      case "wait":
        this.#wait(loss);
        break;
      case "renew":
        this.#parts.token.refuse(loss.token);
        if (this.#parts.token.renewable) this.#wait(loss);
        else this.#finish(loss);
        break;
      case "stop":
        this.#finish(loss);
        break;
      case "end":
        this.#finish(loss, "stop");
        break;
      case "probe":
        this.#heartbeat.probe();
        break;
    }
  }

  #open(): void {
    this.#release();
    this.#setState({ state: "connecting", attempt: this.#failures + 1 });
    const generation = this.#generation;
    this.#timer = this.#parts.schedule.after(tokenWaitMs, () => this.#tokenFailed(lateToken()));
    void this.#dial(generation);
  }

  async #dial(generation: number): Promise<void> {
    // The attempt starts a tick later, so a client opened and closed in one tick (React's StrictMode) opens no
    // socket.
    await Promise.resolve();
    if (generation !== this.#generation) return;
    let token: string | undefined;
    try {
      token = await this.#parts.token.get();
    } catch (error) {
      if (generation === this.#generation) this.#tokenFailed(error);
      return;
    }
    if (generation !== this.#generation) return;
    const { transports, reporter, schedule } = this.#parts;
    this.#timer?.();
    this.#timer = schedule.after(connectTimeoutMs, () =>
      this.#lose({ code: 1006, reason: "no_welcome" }),
    );
    try {
      this.#transport = transports.current.open(
        { url: this.#parts.address(), token, connectionId: this.#connectionId, schedule },
        this.#transportEvents(token),
      );
    } catch (error) {
      reporter.report(error);
      this.#lose(noLoss);
    }
  }

  /** Returns the events of the current attempt's transport connection, which offers `token`. */
  #transportEvents(token: string | undefined): TransportConnectionEvents {
    const generation = this.#generation;
    const credential: Credential = { token };
    this.#credential = credential;
    this.#parts.trial?.begin();
    return {
      onFrame: (frame, bytes) => this.#onFrame(generation, frame, bytes),
      onClose: (code, reason, { token = credential.token, retryAfterMs } = {}) =>
        this.#onClose(lossOf(code, reason, { token, retryAfterMs })),
    };
  }

  /**
   * Switches to a transport connection that works. Returns the events that the transport connection reports to from
   * now on. The caller then passes on its welcome and what followed, so the application sees no reconnect.
   */
  #adopt({ connection, token }: Upgrading): TransportConnectionEvents {
    this.#release();
    this.#down();
    this.#transport = connection;
    this.#adopting = true;
    return this.#transportEvents(token);
  }

  #tokenFailed(error: unknown): void {
    this.#parts.reporter.report(error);
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof MilepostError && !error.retryable) {
      this.#finish({ code: 4401, reason: "unauthenticated", message });
    } else this.#lose({ code: 1006, reason: "token", message });
  }

  #onFrame(generation: number, frame: unknown, bytes = 0): void {
    const { metrics, reporter } = this.#parts;
    this.#heartbeat.heard();
    const messages = readFrame(frame, (error) => reporter.report(error));
    metrics?.frame(typeof frame === "string" ? frame.length : bytes, messages.length);
    for (const message of messages) {
      // An earlier message may have ended this connection; the rest of the frame is then ignored.
      if (generation !== this.#generation) return;
      this.#onMessage(message);
    }
  }

  #onMessage(message: RawMessage): void {
    switch (message.type) {
      case "welcome":
        if (this.#adopting) this.#establish(message);
        else this.#dispatch("welcome", noLoss, message);
        break;
      case "ping":
        this.send({ type: "pong" });
        break;
      case "pong":
        this.#heartbeat.pong(message.id);
        if (this.isUp) this.#parts.trial?.answered();
        break;
      case "notice":
        this.#onNotice(message);
        break;
      default:
        if (this.isUp) this.#events.onMessage(message);
        else if (message.type === "reply") {
          // Before the welcome, a reply says why the credential is refused. The close follows.
          this.#askedMs = serviceError(message.error).retryAfterMs;
        }
    }
  }

  #establish(welcome: RawMessage): void {
    const { metrics, clock, transports, trial } = this.#parts;
    const text = (value: unknown) => (typeof value === "string" ? value : null);
    const channelOf = (owner: "user" | "session" | "guest") => {
      const id = text(welcome[`${owner}_id`]);
      return (text(welcome[`${owner}_channel`]) ?? (id && `${owner}:${id}`)) || undefined;
    };
    this.#timer?.();
    this.#timer = undefined;
    this.#connectedAt = clock.monotonic();
    this.#connectionId = text(welcome.connection_id) ?? undefined;
    this.#adopting = false;
    trial?.welcomed();
    this.#upgrade?.start();
    const transport = this.#transport?.name ?? transports.current.name;
    metrics?.connected(transport);
    this.#setState({
      state: "connected",
      transport,
      connectionId: text(welcome.connection_id) ?? "",
      sessionId: text(welcome.session_id),
      userId: text(welcome.user_id),
      sessionChannel: channelOf("session"),
      userChannel: channelOf("user") ?? channelOf("guest"),
      node: text(welcome.node) ?? "",
      degraded: welcome.degraded === true,
    });
    const interval = welcome.ping_interval_ms;
    this.#heartbeat.start(
      typeof interval === "number" && interval >= 1_000 ? interval : defaultPingIntervalMs,
    );
    const bytes = isRecord(welcome.limits) ? welcome.limits.max_message_bytes : undefined;
    const maxMessageBytes = typeof bytes === "number" ? bytes : defaultMaxMessageBytes;
    this.#outgoing.maxBytes = maxMessageBytes;
    this.#events.onUp(maxMessageBytes);
  }

  #onNotice({ code, reconnect }: RawMessage): void {
    const state = this.#state;
    if (state.state !== "connected") return;
    switch (code) {
      case "degraded":
      case "restored":
        if (state.degraded !== (code === "degraded")) {
          this.#setState({ ...state, degraded: code === "degraded" });
        }
        return;
      case "token_expiring":
        this.#events.onTokenExpiring();
        break;
      case "server_shutting_down":
      case "move":
        this.#move.plan(reconnect, () => this.#lose({ code: 4000, reason: code }));
        break;
    }
  }

  #onClose(loss: Loss): void {
    // Code 4001 (moved): another connection has taken over the connection id. Sending the id again would close
    // that connection.
    if (loss.code === 4001) this.#connectionId = undefined;
    this.#dispatch(eventOf(loss, this.isUp), loss);
  }

  #lose(loss: Loss): void {
    this.#dispatch("lost", loss);
  }

  #wait(loss: Loss): void {
    const { backoff, clock, schedule, trial } = this.#parts;
    if (loss.reason !== "token") trial?.lost(loss.code);
    const now = clock.monotonic();
    const isLater = closeVerdict(loss.code) === "later";
    const stable =
      this.isUp && now - this.#connectedAt >= stableAfterMs && loss.code !== 4003 && !isLater;
    this.#failures = stable ? 1 : this.#failures + 1;
    if (this.#failures >= backoff.attempts) {
      this.#finish({
        ...loss,
        message: `gave up after ${this.#failures} attempts (${loss.reason})`,
      });
      return;
    }
    let { retryAfterMs = this.#askedMs } = loss;
    if (isLater) retryAfterMs = Math.max(retryAfterMs ?? 0, laterMs);
    // A reconnect that was already planned at a random moment keeps that moment. It replaces the client's own
    // backoff.
    const delayMs =
      this.#move.leftMs ??
      backoff.delayMs(this.#failures) + Math.min(retryAfterMs ?? 0, maxAskedMs);
    this.#leave(
      {
        state: "reconnecting",
        attempt: this.#failures + 1,
        retryAt: Math.ceil(clock.now() + delayMs),
        reason: loss.reason,
        ...(loss.message !== undefined &&
          loss.message !== loss.reason && { message: loss.message }),
      },
      loss.code,
    );
    this.#mustWait = retryAfterMs !== undefined;
    this.#timer = schedule.after(delayMs, () => this.#dispatch("due"));
  }

  #finish({ code, reason, message }: Loss, verdict = closeVerdict(code)): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#connectionId = undefined;
    this.#leave({ state: "closed", code, reason: message ?? reason, verdict }, code);
    this.#events.onClosed(code, message ?? reason);
  }

  #leave(state: ConnectionState, code: number): void {
    const wasUp = this.isUp;
    this.#release();
    this.#setState(state);
    if (wasUp) this.#down(code);
  }

  #down(code?: number): void {
    this.#parts.metrics?.disconnected();
    this.#events.onDown(code === tooLarge);
  }

  /** Frees everything that belongs to the current attempt or connection. */
  #release(): void {
    this.#generation++;
    this.#timer?.();
    this.#timer = undefined;
    this.#move.cancel();
    this.#heartbeat.stop();
    this.#upgrade?.stop();
    this.#adopting = false;
    this.#askedMs = undefined;
    this.#mustWait = false;
    this.#outgoing.flush();
    this.#transport?.release();
    this.#transport = undefined;
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    this.#listeners.tell(state);
  }
}
