import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as SecureServer } from "node:https";
import { MilepostError } from "@milepost/protocol";
import { Server, type Socket } from "socket.io";
import { Admission } from "./admission.ts";
import { Attachment, type AttachmentParts } from "./attachment.ts";
import { type BridgeLimits, type BridgeOptions, defaultLimits } from "./bridge-options.ts";
import { clientError, isPassing, milepostError } from "./client-error.ts";
import { type GatewayLink, linkTo } from "./gateway-link.ts";
import { type BridgeCounts, Instruments, type RefusalReason } from "./instruments.ts";
import { PacketRate } from "./packet-rate.ts";
import { originsOf, type PageOrigins } from "./page-origins.ts";
import { requireTemplates } from "./personal-channels.ts";
import { RecoveryAdapter } from "./recovery-adapter.ts";
import { systemTimers, type Timers } from "./timers.ts";

const pingIntervalMs = 25_000;
const pingTimeoutMs = 60_000;
/**
 * Time after which an upgrade of another path that nobody has answered is ended, in milliseconds. Another WebSocket
 * server of the program may take that long to answer, for example to check a token.
 */
const foreignUpgradeMs = 30_000;
/** Time that clients have to take the last messages of a bridge that closes, in milliseconds. */
const lastWordsMs = 1_000;

/** Numbers of a bridge. */
export interface BridgeStats extends BridgeCounts {
  /** Connections of Socket.IO clients at this bridge. */
  readonly connections: number;
  /** Users and guests with at least one of these connections. */
  readonly users: number;
}

/** Socket.IO server whose clients read what is published to their channels. */
export interface SocketIoBridge extends AsyncDisposable {
  /**
   * Serves Socket.IO on a server of the program, under `/socket.io/`, for pages of `frontendUrl`: an origin, or a list of
   * them. Default `http://localhost:3000`. Other pages are refused; programs, which send no `Origin`, are not. Returns
   * the Socket.IO server, to which the program may add what it likes. Throws a TypeError for what is no origin, and when
   * called twice.
   */
  initialize(server: HttpServer | SecureServer, frontendUrl?: string | readonly string[]): Server;
  /** Returns how many users and guests are connected to this bridge; several pages of one user count once. */
  getConnectedUsersCount(): number;
  stats(): BridgeStats;
  /**
   * Closes the bridge: accepts nobody, notifies its pages, and closes their connections evenly over `drainMs`
   * milliseconds, default 0. The pages reconnect, and continue at another node. The program's HTTP server stays open.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * Creates a bridge between pages with `socket.io-client` and a gateway. It serves nothing until
 * {@link SocketIoBridge.initialize}. Throws a TypeError for options that are missing or wrong.
 */
export function createSocketIoBridge(options: BridgeOptions): SocketIoBridge {
  return new Bridge(options, systemTimers);
}

type Connection = Socket["conn"];

class Bridge implements SocketIoBridge {
  readonly #options: BridgeOptions;
  readonly #timers: Timers;
  readonly #limits: BridgeLimits;
  /** Silence of a client that answers each ping, at most, with a second half of an interval for a slow answer. */
  readonly #silenceMs: number;
  readonly #link: GatewayLink;
  readonly #instruments: Instruments;
  readonly #admission: Admission;
  readonly #attachmentParts: AttachmentParts;
  readonly #attachments = new Map<Socket, Attachment>();
  readonly #rates = new Map<Connection, PacketRate>();
  readonly #admitting = new Set<Connection>();
  /** Number of sockets of each person. */
  readonly #people = new Map<string, number>();
  readonly #personOf = new Map<Socket, string>();
  #io: Server | undefined;
  #closing: Promise<void> | undefined;
  #onEmpty: () => void = () => {};

  constructor(options: BridgeOptions, timers: Timers) {
    const {
      channels = ["broadcast"],
      headers = {},
      guests = false,
      forwardAddress = false,
    } = options;
    requireTemplates(channels);
    this.#options = options;
    this.#timers = timers;
    this.#silenceMs = 1.5 * (options.server?.pingInterval ?? pingIntervalMs);
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#link = linkTo(options, this.#limits.gatewayTimeoutMs);
    this.#admission = new Admission(this.#limits, options.addressOf, (reason) =>
      this.#instruments.count(reason),
    );
    this.#instruments = new Instruments(options.meter, {
      connections: () => this.#admission.size,
      users: () => this.#people.size,
    });
    this.#attachmentParts = {
      link: this.#link,
      guests,
      channels,
      headers,
      forwardAddress,
      limits: this.#limits,
      timers,
      instruments: this.#instruments,
      isAlive: ({ conn }) => {
        const at = this.#rates.get(conn)?.at;
        return at !== undefined && timers.now() - at <= this.#silenceMs;
      },
      joined: (socket, person) => this.#join(socket, person),
      left: (socket) => this.#leave(socket),
    };
  }

  initialize(
    server: HttpServer | SecureServer,
    frontendUrl: string | readonly string[] = "http://localhost:3000",
  ): Server {
    if (this.#io !== undefined)
      throw new TypeError("the bridge serves already; call initialize once");
    const origins = originsOf(frontendUrl);
    const { joinTimeoutMs, maxMessageBytes } = this.#limits;
    const io = new Server({
      pingInterval: pingIntervalMs,
      pingTimeout: pingTimeoutMs,
      maxHttpBufferSize: maxMessageBytes,
      connectTimeout: joinTimeoutMs,
      cors: { origin: [...origins.list], credentials: true },
      destroyUpgradeTimeout: foreignUpgradeMs,
      ...this.#options.server,
      allowRequest: (request, answer) => this.#allow(request, origins, answer),
      connectionStateRecovery: { skipMiddlewares: false },
      adapter: RecoveryAdapter,
    });
    this.#io = io;
    io.attach(server);
    io.engine.on("connection", (connection: Connection) => this.#accept(connection));
    io.use((socket, next) => void this.#admit(socket).then(next));
    io.on("connection", (socket) => this.#serve(socket));
    return io;
  }

  getConnectedUsersCount(): number {
    return this.#people.size;
  }

  stats(): BridgeStats {
    return {
      connections: this.#admission.size,
      users: this.#people.size,
      ...this.#instruments.counts,
    };
  }

  close({ drainMs = 0 }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drainMs: number): Promise<void> {
    const attachments = [...this.#attachments.values()];
    attachments.forEach((attachment, at) => {
      attachment.shutDown((drainMs * (at + 1)) / attachments.length);
    });
    if (attachments.length > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
        this.#timers.after(drainMs + lastWordsMs, resolve);
      });
    }
    this.#io?.engine.close();
    this.#link.close();
  }

  #allow(
    request: IncomingMessage,
    origins: PageOrigins,
    answer: (message: string | null, allowed: boolean) => void,
  ): void {
    const refuse = (reason: RefusalReason, message: string) => {
      this.#instruments.count(reason);
      answer(message, false);
    };
    const { origin } = request.headers;
    if (this.#closing !== undefined) refuse("shutdown", "the node is shutting down");
    else if (!origins.allow(origin)) {
      this.#options.log?.warn(
        { origin: origin?.slice(0, 200) },
        "a page of another origin was refused; pass its origin to initialize",
      );
      refuse("origin", "pages of this origin are not allowed");
    } else if (!this.#admission.fits(request)) refuse("connections", "too many connections");
    else answer(null, true);
  }

  #accept(connection: Connection): void {
    this.#admission.add(connection, connection.request);
    const rate = new PacketRate(this.#limits, this.#timers.now());
    this.#rates.set(connection, rate);
    connection.on("packet", ({ data }: { readonly data?: unknown }) => {
      const bytes = typeof data === "string" || data instanceof Uint8Array ? data.length : 0;
      if (rate.take(bytes, this.#timers.now()) !== "end") return;
      this.#instruments.count("rate");
      connection.close(true);
    });
    connection.once("close", () => {
      this.#rates.delete(connection);
      this.#admission.remove(connection);
    });
  }

  /** Checks a socket that connects, and answers with the error that its page gets. */
  async #admit(socket: Socket): Promise<(Error & { data?: unknown }) | undefined> {
    const connection: Connection = socket.conn;
    // One connection has one socket. More connects, before the first is answered, would each open a connection.
    if (this.#admitting.has(connection)) {
      connection.close(true);
      return new Error("connected twice");
    }
    this.#admitting.add(connection);
    const attachment = new Attachment(socket, this.#attachmentParts);
    try {
      await attachment.admit();
      this.#attachments.set(socket, attachment);
      return undefined;
    } catch (caught) {
      return this.#refusal(socket, milepostError(caught));
    } finally {
      this.#admitting.delete(connection);
      if (socket.nsp.adapter instanceof RecoveryAdapter) socket.nsp.adapter.settle(socket.id);
    }
  }

  #refusal(socket: Socket, error: MilepostError): Error & { data?: unknown } {
    if (error.cause !== undefined) {
      this.#options.log?.warn({ err: error.cause }, "a socket was not admitted because of a fault");
    }
    // A client does not try again after a refusal. After a lost connection it does, and keeps what it can recover from.
    if (isPassing(error)) socket.conn.close();
    else if (error.code !== "cancelled") this.#instruments.count("credential");
    return Object.assign(new Error(error.message), { data: clientError(error) });
  }

  #serve(socket: Socket): void {
    const attachment = this.#attachments.get(socket);
    if (attachment === undefined) return;
    const rate = this.#rates.get(socket.conn);
    socket.use((_, next) => {
      if (rate?.isOver !== true) return next();
      this.#instruments.count("rate");
      const error = new MilepostError("rate_limited", "too many messages; slow down");
      if (rate.reports(this.#timers.now())) attachment.report(error);
      next(error);
    });
    socket.once("disconnect", () => this.#forget(socket));
    attachment.start();
  }

  #join(socket: Socket, person: string): void {
    this.#admission.authenticated(socket.conn);
    this.#personOf.set(socket, person);
    this.#people.set(person, (this.#people.get(person) ?? 0) + 1);
  }

  #leave(socket: Socket): void {
    const person = this.#personOf.get(socket);
    if (person === undefined) return;
    this.#personOf.delete(socket);
    const left = (this.#people.get(person) ?? 1) - 1;
    if (left === 0) this.#people.delete(person);
    else this.#people.set(person, left);
  }

  #forget(socket: Socket): void {
    this.#attachments.delete(socket);
    if (this.#attachments.size === 0) this.#onEmpty();
  }
}
