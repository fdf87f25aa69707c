import { randomBytes } from "node:crypto";
import type { StoreMemory } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { ErrorReply } from "@redis/client";
import { defaultDeadlines, type LinkDeadlines } from "./link-deadlines.ts";
import { LinkHealth } from "./link-health.ts";
import type { Endpoint, RedisAddress } from "./redis-address.ts";
import type { BusMessageListener, LinkListener, RedisLink } from "./redis-link.ts";
import { isRefusal } from "./redis-refusal.ts";
import { retryDelayMs } from "./retry-delay.ts";
import type { Script } from "./script.ts";
import { ServerConnection, writeRefusals } from "./server-connection.ts";

const reconnectBounds = { firstMs: 50, maxMs: 2_000 };
/** Number of canaries in a row that the server must refuse before the store counts as taking no writes. */
const refusedCanaries = 2;

/** Options of a {@link ServerLink}. */
export interface ServerLinkOptions {
  readonly address: RedisAddress;
  /** Resolves with the endpoint of the server; called before every connect. */
  readonly locate: () => Promise<Endpoint>;
  /** True when the server is a master of a cluster, where pub/sub is sharded by slot. Default: false. */
  readonly isSharded?: boolean;
  /** Called with a channel that the server dropped, because it no longer serves the channel's slot. */
  readonly onMoved?: (busChannel: string) => void;
  /** First part of the name of the link's own pub/sub channel; default `milepost`. */
  readonly prefix?: string;
  /** Returns a key of a slot of the server, for a master of a cluster. Default: the canary names no key. */
  readonly canaryKey?: () => string | undefined;
  /** Called with the reason when a connection ends, a reconnect fails, or the server takes no writes. */
  readonly onError: (error: unknown) => void;
  /** Returns a number from 0 to 1, for the delays before reconnects; default `Math.random`. */
  readonly random?: () => number;
  /** Deadlines of the link; default `defaultDeadlines`. */
  readonly deadlines?: LinkDeadlines;
  /**
   * Makes the link wait for a server that is absent when it is opened, and is called when a server that came refuses
   * the link before it has ever been connected. Default: the first connection must succeed.
   */
  readonly onRefused?: (error: unknown) => void;
}

/**
 * Keeps one connection to one Redis server, or to the master of a Sentinel set.
 *
 * Every second the link sends a canary: it asks whether the server takes writes, then publishes a test message
 * to its own subscription. The connection counts as broken when no canary has returned for three seconds. This
 * detects a paused server, paused writes, and a server that lost its subscribers. When the server refuses two
 * canaries in a row, or one call for a reason for which it refuses every write, the store takes no writes until the
 * server accepts a canary. These times are defaults.
 *
 * The link reconnects after a random delay of up to 50 ms. This bound doubles with each attempt, up to 2 s. The
 * link counts as connected again only once every subscription is restored and the server has answered whether it
 * takes writes.
 */
export class ServerLink implements RedisLink {
  readonly publishCommand = "PUBLISH";
  readonly watch = new LinkHealth();
  readonly #options: ServerLinkOptions;
  readonly #deadlines: LinkDeadlines;
  readonly #canary: string;
  readonly #wanted = new Set<string>();
  #listener: LinkListener | undefined;
  #connection: ServerConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #canaryBack = 0;
  /** Number of canaries in a row that the server has refused. */
  #refusals = 0;
  /** Number of calls that the server refused as it refuses every write. */
  #refusedCalls = 0;
  #redisNow: number | undefined;
  #redisNowAt = 0;
  #downSince: number | undefined = performance.now();
  #closed = false;

  private constructor(options: ServerLinkOptions) {
    this.#options = options;
    const { prefix = "milepost" } = options;
    this.#canary = `${prefix}:canary:${randomBytes(9).toString("base64url")}`;
    this.#deadlines = options.deadlines ?? defaultDeadlines;
  }

  /**
   * Opens the first connection; rejects with the reason when that fails. A link with `onRefused` resolves even if the
   * server is absent.
   */
  static async open(options: ServerLinkOptions): Promise<ServerLink> {
    const link = new ServerLink(options);
    try {
      await link.#connect();
    } catch (error) {
      if (options.onRefused === undefined || isRefusal(error)) throw error;
      options.onError(error);
      link.#connectLater();
    }
    return link;
  }

  get downSince(): number | undefined {
    return this.#downSince;
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(noConnection());
    return connection.run(script, keys, args).catch((error: unknown) => {
      if (connection === this.#connection) this.#noteRefusal(error);
      refused(error);
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) throw noConnection();
    await connection.remove(keys).catch(refused);
  }

  async subscribe(busChannels: readonly string[]): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) throw noConnection();
    await connection.subscribe(busChannels).catch(refused);
    // If the connection broke meanwhile, the next one does not restore these subscriptions.
    if (connection !== this.#connection) throw noConnection();
    for (const busChannel of busChannels) this.#wanted.add(busChannel);
  }

  async unsubscribe(busChannels: readonly string[]): Promise<void> {
    for (const busChannel of busChannels) this.#wanted.delete(busChannel);
    await this.#connection?.unsubscribe(busChannels).catch(refused);
  }

  async memory(): Promise<StoreMemory> {
    const connection = this.#connection;
    if (connection === undefined) throw noConnection();
    return connection.memory();
  }

  now(): number | undefined {
    if (this.#redisNow === undefined) return undefined;
    return this.#redisNow + performance.now() - this.#redisNowAt;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection?.end(undefined);
  }

  async #connect(): Promise<void> {
    const { address, locate, isSharded = false, onMoved = () => {} } = this.#options;
    const endpoint = await locate();
    let refusal: string | undefined;
    const restored = [...this.#wanted];
    const connection: ServerConnection = await ServerConnection.open(
      address,
      endpoint,
      {
        onMessage: this.#onMessage,
        onMoved,
        onEnd: (reason) => this.#onEnd(connection, reason),
      },
      async (opening) => {
        refusal = await this.#prepare(opening, restored);
      },
      { isSharded, openMs: this.#deadlines.openMs },
    );
    if (this.#closed) {
      connection.end(undefined);
      throw noConnection();
    }
    this.#connection = connection;
    this.#downSince = undefined;
    this.#refusals = refusal === undefined ? 0 : refusedCanaries;
    this.#setRefusal(refusal);
    this.#attempts = 0;
    this.#canaryBack = performance.now();
    this.#timer = setTimeout(this.#sendCanary, this.#deadlines.canaryIntervalMs);
    // Until here unsubscribe() did not know this connection.
    const unwanted = restored.filter((busChannel) => !this.#wanted.has(busChannel));
    if (unwanted.length > 0) connection.unsubscribe(unwanted).catch(this.#options.onError);
  }

  /**
   * Subscribes to the canary and the channels to restore, and reads Redis' time. Resolves with the server's reply if
   * it refuses writes.
   */
  async #prepare(
    connection: ServerConnection,
    restored: readonly string[],
  ): Promise<string | undefined> {
    await Promise.all([connection.listenTo(this.#canary), connection.subscribe(restored)]);
    this.#redisNow = await connection.now();
    this.#redisNowAt = performance.now();
    // A server that has paused writes does not answer this. It would otherwise count as connected until the next
    // canary is overdue, again and again.
    return connection.writeRefusal(this.#options.canaryKey?.());
  }

  readonly #reconnect = (): void => {
    this.#connect().then(
      () => this.#listener?.onDisrupted(),
      (error: unknown) => {
        this.#options.onError(error);
        if (this.#redisNow === undefined && isRefusal(error)) this.#options.onRefused?.(error);
        this.#connectLater();
      },
    );
  };

  #connectLater(): void {
    if (this.#closed) return;
    const delayMs = retryDelayMs(this.#attempts++, reconnectBounds, this.#options.random);
    this.#timer = setTimeout(this.#reconnect, delayMs);
  }

  #onEnd(connection: ServerConnection, reason: unknown): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#downSince = performance.now();
    this.watch.set({ connected: false, busConnected: false, takesWrites: false });
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#options.onError(reason);
    this.#connectLater();
  }

  readonly #sendCanary = (): void => {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { canaryMs, canaryIntervalMs } = this.#deadlines;
    const leftMs = canaryMs - (performance.now() - this.#canaryBack);
    if (leftMs <= 0) {
      connection.end(
        new Error(
          "canaries do not come back: Redis hangs, has paused writes or has lost its subscribers",
        ),
      );
      return;
    }
    this.#timer = setTimeout(this.#sendCanary, Math.min(canaryIntervalMs, Math.ceil(leftMs)));
    const refusedCalls = this.#refusedCalls;
    connection.sendCanary(this.#canary, this.#options.canaryKey?.()).then(
      (refusal) => {
        if (connection !== this.#connection) return;
        // A call that was refused meanwhile may have run after this canary.
        const isLate = refusal === undefined && refusedCalls !== this.#refusedCalls;
        if (!isLate) this.#onCanaryAnswered(refusal);
      },
      (error: unknown) => connection.end(error),
    );
  };

  /** Takes a call that the server refused as it refuses every write for proof, without waiting for canaries. */
  #noteRefusal(error: unknown): void {
    if (!(error instanceof ErrorReply) || !writeRefusals.test(error.message)) return;
    this.#refusedCalls++;
    if (this.#refusals >= refusedCanaries) return;
    this.#refusals = refusedCanaries;
    this.#setRefusal(error.message);
  }

  #setRefusal(refusal: string | undefined): void {
    const takesWrites = refusal === undefined;
    const isFull = refusal?.startsWith("OOM") === true;
    const health = { connected: true, busConnected: true, takesWrites };
    this.watch.set(isFull ? { ...health, isFull } : health);
    if (refusal !== undefined) this.#options.onError(takesNone(refusal));
  }

  #onCanaryAnswered(refusal: string | undefined): void {
    this.#refusals = refusal === undefined ? 0 : this.#refusals + 1;
    this.#setRefusal(this.#refusals < refusedCanaries ? undefined : refusal);
  }

  readonly #onMessage: BusMessageListener = (message, busChannel) => {
    if (busChannel === this.#canary) this.#canaryBack = performance.now();
    else this.#listener?.onMessage(message, busChannel);
  };
}

function takesNone(refusal: string): Error {
  return new Error(`Redis takes no writes: ${refusal.trim()}`);
}

function noConnection(): MilepostError {
  return new MilepostError(
    "store_unavailable",
    "there is no connection to Redis at present; try again",
  );
}

function refused(error: unknown): never {
  const reply = error instanceof ErrorReply ? error.message : undefined;
  let says = "Redis did not answer";
  if (reply?.startsWith("OOM")) says = "Redis has no memory left";
  // The reply may contain key names. It is therefore only the cause of the error, which is logged, and not part
  // of the message.
  else if (reply !== undefined) says = "Redis refused the command";
  throw new MilepostError("store_unavailable", says, { cause: error });
}
