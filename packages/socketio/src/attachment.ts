import { isRecord, MilepostError, type NoticeMessage } from "@milepost/protocol";
import type { Socket } from "socket.io";
import { type Beginning, readAll } from "./beginning.ts";
import type { BridgeLimits } from "./bridge-options.ts";
import { clientError } from "./client-error.ts";
import {
  type ChannelMessage,
  type ConnectionEnd,
  GatewayConnection,
} from "./gateway-connection.ts";
import type { GatewayLink } from "./gateway-link.ts";
import { joinedId, readHandshake, tokenOf } from "./handshake.ts";
import type { Instruments } from "./instruments.ts";
import { formatOffset, type Offset, parseOffset } from "./offset.ts";
import { channelOfPerson, guestNameOf, idOfPerson, isIdOf } from "./person.ts";
import { eventsOfState } from "./personal-state.ts";
import { beginSession } from "./recovery-adapter.ts";
import type { Timers } from "./timers.ts";

/** Parts of the bridge that an {@link Attachment} uses. */
export interface AttachmentParts {
  readonly link: GatewayLink;
  readonly guests: boolean;
  readonly channels: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly forwardAddress: boolean;
  readonly limits: BridgeLimits;
  readonly timers: Timers;
  readonly instruments: Instruments;
  /** True if the client of a socket has shown a sign of life lately. */
  isAlive(socket: Socket): boolean;
  /** Called when the person behind a socket is known, with the name of the person's channel. */
  joined(socket: Socket, person: string): void;
  /** Called when a socket no longer reads for its person. */
  left(socket: Socket): void;
}

/** Answer to a message of a page that has a callback. */
type Answer = (answer: unknown) => void;

/** Names of events that a page cannot get under their own name, because Socket.IO has them for itself. */
const reserved = new Set([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);

/**
 * One socket of a page, and the connection to the gateway that it reads from.
 *
 * The connection has the credential of the page, so the gateway decides what the page may read, how much, and until when.
 * When the gateway ends the connection, the socket ends too: in a way that makes the page come back and continue where
 * the gateway says that it may, otherwise for good and with an `error` that says why.
 */
export class Attachment {
  readonly #socket: Socket;
  readonly #parts: AttachmentParts;
  readonly #aborting = new AbortController();
  #connection: GatewayConnection | undefined;
  /** Name with which the page has joined as a guest. */
  #guest: string | undefined;
  #beginning: Beginning | undefined;
  #waiting = 0;
  #isPaused = false;
  #isLeaving = false;
  #joining: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => {};

  constructor(socket: Socket, parts: AttachmentParts) {
    this.#socket = socket;
    this.#parts = parts;
    socket.conn.once("close", () => this.#end());
  }

  /**
   * Checks the credential of the socket and opens its connection. Rejects with the error for the page. A page without a
   * token is admitted where guests are; it reads nothing before it joins.
   */
  async admit(): Promise<void> {
    const { token, session } = readHandshake(this.#socket.handshake);
    const { pid, offset: text } = this.#socket.handshake.auth;
    const offset = typeof pid === "string" ? parseOffset(text) : undefined;
    if (token !== undefined) await this.#open(token, session, offset);
    else if (!this.#parts.guests) {
      throw new MilepostError(
        "unauthenticated",
        "this page has no token; pass one as auth: {token}, or let the bridge admit guests with guests: true",
      );
    } else if (offset?.guest !== undefined) {
      await this.#openGuest(offset.guest, offset);
    }
    const isRecovered = this.#socket.recovered && this.#beginning?.recovered === true;
    if (offset !== undefined) {
      this.#parts.instruments.count(isRecovered ? "recovered" : "not_recovered");
    }
    if (!isRecovered) beginSession(this.#socket);
  }

  /** Begins to serve the socket, which is connected now. */
  start(): void {
    const socket = this.#socket;
    socket.on("client:join", (payload: unknown, answer?: unknown) => this.#onJoin(payload, answer));
    socket.on("client:disconnect", (...args: unknown[]) => this.#onLeave(args.at(-1)));
    socket.on("client:auth", (payload: unknown, answer?: unknown) =>
      this.#onRenew(payload, answer),
    );
    socket.on("client:subscribe", (channel: unknown, answer?: unknown) =>
      this.#onSubscribe(channel, answer),
    );
    socket.on("client:unsubscribe", (channel: unknown, answer?: unknown) =>
      this.#onUnsubscribe(channel, answer),
    );
    socket.conn.on("drain", () => this.#drained());
    if (this.#connection !== undefined) {
      this.#begin(this.#connection);
      return;
    }
    const { timers, limits } = this.#parts;
    this.#cancelTimer = timers.after(limits.joinTimeoutMs, () => {
      const message =
        "no credential arrived in time; send client:join with the id of the user after each connect";
      this.endWith(new MilepostError("unauthenticated", message));
    });
  }

  /** Tells the page of an error, and ends its socket for good. */
  endWith(error: MilepostError): void {
    this.#socket.emit("error", clientError(error));
    this.#end();
    this.#socket.disconnect(true);
  }

  /** Tells the page of an error. */
  report(error: unknown): void {
    this.#socket.emit("error", clientError(error));
  }

  /**
   * Tells the page that the node shuts down, and closes its socket after a while, so that the page connects to another
   * node and continues there.
   */
  shutDown(afterMs: number): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#socket.emit("notification", {
      id: "milepost:server_shutting_down",
      type: "info",
      level: "info",
      message: "The server is restarting. This page reconnects by itself.",
    });
    this.#closeAfter(afterMs);
  }

  async #open(
    token: string,
    session: string | undefined,
    offset: Offset | undefined,
  ): Promise<void> {
    const { link, limits, channels } = this.#parts;
    const signal = this.#aborting.signal;
    const connection = await GatewayConnection.open({
      url: await link.url(),
      token,
      session,
      headers: this.#headers(),
      replaces: offset?.connection,
      isAlive: () => this.#parts.isAlive(this.#socket),
      timeoutMs: limits.gatewayTimeoutMs,
      signal,
    });
    try {
      this.#beginning = await readAll(connection, channels, offset?.cursor ?? new Map());
    } catch (error) {
      connection.close();
      throw error;
    }
    if (signal.aborted) return connection.close();
    // Nothing is read before the socket can take it.
    connection.pause();
    this.#connection = connection;
  }

  async #openGuest(name: string, offset?: Offset): Promise<void> {
    await this.#open(await this.#parts.link.guestToken(name), undefined, offset);
    this.#guest = name;
  }

  #headers(): Record<string, string> {
    const { headers, forwardAddress } = this.#parts;
    if (!forwardAddress) return { ...headers };
    const { request } = this.#socket;
    const before = request.headers["x-forwarded-for"];
    const peer = request.socket.remoteAddress ?? "unknown";
    const chain = before === undefined ? peer : `${String(before)}, ${peer}`;
    return { ...headers, "X-Forwarded-For": chain };
  }

  #begin(connection: GatewayConnection): void {
    const { snapshots = [], lost = [] } = this.#beginning ?? {};
    const { recovered } = this.#socket;
    const { user_id: user, session_id: session, guest_id: guest } = connection.welcome;
    const person = channelOfPerson(connection.welcome);
    this.#parts.joined(this.#socket, person);
    this.#cancelTimer();
    this.#emit("milepost:ready", {
      user,
      session,
      guest: guest ?? null,
      channels: connection.channels,
      recovered,
    });
    for (const [channel, reason] of lost) this.#emit("milepost:gap", { channel, reason });
    for (const [channel, { projection, state }] of snapshots) {
      this.#emit("milepost:snapshot", { channel, projection, state });
    }
    for (const [channel, snapshot] of snapshots) {
      if (channel !== person) continue;
      for (const [event, data] of eventsOfState(snapshot)) this.#emit(event, data);
    }
    this.#beginning = undefined;
    connection.start({
      onMessage: (message) => this.#onMessage(message),
      onNotice: (notice) => this.#onNotice(notice),
      onClosed: (end) => this.#onClosed(end),
    });
    if (!this.#isPaused) connection.resume();
  }

  #onMessage(message: ChannelMessage): void {
    const { channel } = message;
    switch (message.type) {
      case "event":
        if (reserved.has(message.event)) {
          this.#emit("milepost:event", { channel, event: message.event, data: message.data });
        } else this.#emit(message.event, message.data);
        return;
      case "gap":
        this.#emit("milepost:gap", { channel, reason: message.reason });
        return;
      case "reset": {
        const { reason, snapshot } = message;
        this.#emit("milepost:reset", { channel, reason, state: snapshot.state });
        return;
      }
      case "end":
      case "unsubscribed":
        this.#emit(`milepost:${message.type}`, { channel, reason: message.reason });
        return;
      case "subscribed":
        this.#emit("milepost:subscribed", { channel });
    }
  }

  #onNotice({ code, reconnect, expires_at: expiresAt }: NoticeMessage): void {
    const { min_ms: min = 0, max_ms: max = 0 } = reconnect ?? {};
    const afterMs = min + (max - min) * this.#parts.timers.random();
    if (code === "server_shutting_down") this.shutDown(afterMs);
    else if (code === "move") this.#closeAfter(afterMs);
    else
      this.#emit("milepost:notice", {
        code,
        ...(expiresAt !== undefined && { expires_at: expiresAt }),
      });
  }

  #onClosed({ error, resumes }: ConnectionEnd): void {
    this.#connection = undefined;
    // After a lost connection a page comes back by itself, and recovers here or at another node.
    if (resumes) this.#close();
    else this.endWith(error);
  }

  #emit(event: string, data: unknown): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { conn } = this.#socket;
    const offset = formatOffset(connection.welcome.connection_id, connection.cursor, this.#guest);
    this.#socket.emit(event, data, offset);
    if (conn.transport.writable) return;
    this.#waiting += sizeOf(data) + offset.length;
    if (this.#isPaused || this.#waiting <= this.#parts.limits.maxWaitingBytes) return;
    this.#isPaused = true;
    this.#parts.instruments.count("paused");
    connection.pause();
  }

  /** Reads from the gateway again, because the transport has written everything that waited. */
  #drained(): void {
    this.#waiting = 0;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#connection?.resume();
  }

  #onJoin(payload: unknown, answer: unknown): void {
    this.#reply(answer, async () => {
      const id = joinedId(payload);
      // Two joins at once must not open two connections.
      this.#joining = this.#joining.catch(() => {}).then(() => this.#join(id));
      await this.#joining;
      const connection = this.#connection;
      if (connection === undefined)
        throw new MilepostError("cancelled", "the socket has been closed");
      return { userId: idOfPerson(connection.welcome), channels: connection.channels };
    });
  }

  async #join(id: string): Promise<void> {
    if (this.#connection === undefined) {
      await this.#openGuest(guestNameOf(id));
      if (this.#connection !== undefined) this.#begin(this.#connection);
      return;
    }
    if (!isIdOf(id, this.#connection.welcome)) {
      throw new MilepostError(
        "forbidden",
        "client:join must name the user of the token, or the guest that has joined",
      );
    }
  }

  #onLeave(answer: unknown): void {
    if (typeof answer === "function") answer({ ok: true });
    this.#end();
    this.#socket.disconnect(true);
  }

  #onRenew(payload: unknown, answer: unknown): void {
    this.#reply(answer, async () => {
      const token = tokenOf(isRecord(payload) ? payload.token : payload);
      await this.#joined.renew(token);
      return {};
    });
  }

  #onSubscribe(channel: unknown, answer: unknown): void {
    this.#reply(answer, async () => {
      const name = channelOf(channel);
      const { snapshot } = await this.#joined.subscribe(name);
      this.#emit("milepost:subscribed", { channel: name });
      return { channel: name, ...(snapshot !== undefined && { state: snapshot.state }) };
    });
  }

  #onUnsubscribe(channel: unknown, answer: unknown): void {
    this.#reply(answer, async () => {
      const name = channelOf(channel);
      await this.#joined.unsubscribe(name);
      this.#emit("milepost:unsubscribed", { channel: name, reason: "cancelled" });
      return { channel: name };
    });
  }

  get #joined(): GatewayConnection {
    if (this.#connection !== undefined) return this.#connection;
    throw new MilepostError("unauthenticated", "the page has not joined; send client:join first");
  }

  /** Answers a message of the page. An error goes to its callback, and to the event `error`. */
  #reply(answer: unknown, work: () => Promise<object>): void {
    const respond: Answer = typeof answer === "function" ? (answer as Answer) : () => {};
    work().then(
      (result) => respond({ ok: true, ...result }),
      (error: unknown) => {
        respond({ ok: false, error: clientError(error) });
        this.report(error);
      },
    );
  }

  #closeAfter(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#parts.timers.after(ms, () => this.#close());
  }

  /** Closes the transport, after which a client reconnects by itself. */
  #close(): void {
    this.#end();
    this.#socket.conn.close();
  }

  #end(): void {
    this.#aborting.abort();
    this.#cancelTimer();
    this.#connection?.close();
    this.#connection = undefined;
    this.#parts.left(this.#socket);
  }
}

function channelOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw new MilepostError("bad_message", "name the channel as a text");
}

/** Returns about how many bytes the data take as JSON. */
function sizeOf(data: unknown): number {
  return JSON.stringify(data)?.length ?? 0;
}
