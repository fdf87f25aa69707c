import type { StoreMemory } from "@milepost/engine";
import { createClient, ErrorReply } from "@redis/client";
import { hashSlot } from "./hash-slot.ts";
import { defaultDeadlines } from "./link-deadlines.ts";
import type { Endpoint, RedisAddress } from "./redis-address.ts";
import type { BusMessageListener } from "./redis-link.ts";
import { RedisRefusal } from "./redis-refusal.ts";
import { tlsSocketOf } from "./redis-tls.ts";
import { type Script, scripts } from "./script.ts";
import { ScriptCalls } from "./script-calls.ts";

const connectTimeoutMs = 5_000;
/**
 * Maximum number of commands that wait to be written or answered on one connection. More commands are rejected.
 */
export const maxQueued = 200_000;
const channelsPerCommand = 1_000;
/** Replies by which a server refuses every write, whatever its key. */
export const writeRefusals = /^(?:OOM|MISCONF|NOREPLICAS|READONLY|CLUSTERDOWN)\b/;

/** Options of opening a {@link ServerConnection}. */
export interface ConnectionOptions {
  /** True when the server is a master of a cluster, where pub/sub is sharded by slot. Default: false. */
  readonly isSharded?: boolean;
  /** Maximum time to open the connection, in milliseconds; default 5,000. */
  readonly openMs?: number;
}

/** Events that a connection reports to its owner. */
export interface ConnectionEvents {
  readonly onMessage: BusMessageListener;
  /** Called when a server of a cluster drops a subscription, because it no longer serves the channel's slot. */
  readonly onMoved: (busChannel: string) => void;
  /** Called once, when a connection that was open breaks or is closed. No event follows it. */
  readonly onEnd: (reason: unknown) => void;
}

export function clientOf(address: RedisAddress, { host, port }: Endpoint) {
  const { username, password, database } = address;
  return createClient({
    socket: {
      host,
      port,
      connectTimeout: connectTimeoutMs,
      noDelay: true,
      reconnectStrategy: false,
      ...tlsSocketOf(address),
    },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    RESP: 2,
    // The client's default timeout makes every command several times as expensive. It is not needed, because
    // the owner's canary ends hanging connections.
    commandOptions: { timeout: undefined as unknown as number },
    commandsQueueMaxLength: maxQueued,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
  });
}

type Client = ReturnType<typeof clientOf>;

/**
 * Single connection to one Redis server, with one socket for commands and one for subscriptions. It does not
 * reconnect: when either socket breaks, both end.
 */
export class ServerConnection {
  readonly #commands: Client;
  readonly #listening: Client;
  readonly #events: ConnectionEvents;
  readonly #calls: ScriptCalls;
  readonly #isSharded: boolean;
  #hasCanaryScript = true;
  #opened = false;
  #ended = false;
  #reason: unknown;

  private constructor(
    commands: Client,
    listening: Client,
    events: ConnectionEvents,
    isSharded: boolean,
  ) {
    this.#isSharded = isSharded;
    listening.on("sharded-channel-moved", (busChannel: unknown) =>
      events.onMoved(String(busChannel)),
    );
    this.#commands = commands;
    this.#listening = listening;
    this.#events = events;
    this.#calls = new ScriptCalls(
      (command) => commands.sendCommand(command),
      async (script) => void (await commands.scriptLoad(script.text)),
    );
    for (const client of [commands, listening]) {
      client.on("error", (error: unknown) => this.end(error));
      client.on("end", () => this.end(new Error("the connection to Redis ended")));
    }
  }

  /**
   * Connects, checks that the server is a master, loads the scripts and calls `prepare`. Then the connection
   * counts as open. Rejects with the reason, after at most `openMs` milliseconds when the server hangs.
   */
  static async open(
    address: RedisAddress,
    endpoint: Endpoint,
    events: ConnectionEvents,
    prepare: (connection: ServerConnection) => Promise<void>,
    { isSharded = false, openMs = defaultDeadlines.openMs }: ConnectionOptions = {},
  ): Promise<ServerConnection> {
    const commands = clientOf(address, endpoint);
    const listening = clientOf(address, endpoint);
    const connection = new ServerConnection(commands, listening, events, isSharded);
    const deadline = setTimeout(() => {
      connection.end(
        new Error(
          `Redis accepted the connection but did not answer within ${openMs} ms; check that the server is not blocked`,
        ),
      );
    }, openMs);
    try {
      await Promise.all([connection.#connect(commands), connection.#connect(listening)]);
      // Sentinels and clusters may name a server that is about to become the master.
      await connection.#mustBeMaster(address.kind === "single" ? RedisRefusal : Error);
      await Promise.all(Object.values(scripts).map((script) => connection.#load(script)));
      await prepare(connection);
      connection.#opened = !connection.#ended;
      if (connection.#opened) return connection;
      throw connection.#reason;
    } catch (error) {
      connection.end(error);
      // Once the connection has ended, later errors only follow from that. The reason of the end says more.
      throw connection.#reason;
    } finally {
      clearTimeout(deadline);
    }
  }

  /**
   * Connects a client. The library ignores a `destroy` while a socket connects, so the client is destroyed
   * again afterwards if the connection has ended.
   */
  async #connect(client: Client): Promise<void> {
    await client.connect();
    if (this.#ended) client.destroy();
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.#calls.run(script, keys, args);
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#commands.unlink([...keys]);
  }

  /**
   * Sends a canary: asks the server whether it takes writes, then publishes a test message to this connection's
   * own subscription. Resolves with the server's reply when it refuses writes, otherwise with undefined. Rejects
   * when the server is no longer a master.
   */
  async sendCanary(busChannel: string, key?: string): Promise<string | undefined> {
    const [refusal] = await Promise.all([this.writeRefusal(key), this.#mustBeMaster()]);
    await this.#sendFirst(["PUBLISH", busChannel, ""]);
    return refusal;
  }

  /** Sends a command before all that are not written to the socket yet. */
  #sendFirst(command: readonly string[]): Promise<unknown> {
    return this.#commands.sendCommand([...command], { asap: true });
  }

  /**
   * Resolves with the server's reply when it refuses writes at present, otherwise with undefined. Does not
   * resolve while the server has paused writes. Nothing is written. `key` is a key of the server's slots.
   */
  async writeRefusal(key?: string): Promise<string | undefined> {
    if (!this.#hasCanaryScript) return undefined;
    const { canary } = scripts;
    const keys = key === undefined ? [] : [key];
    try {
      await this.#sendFirst(["EVALSHA", canary.sha, String(keys.length), ...keys]);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      if (error.message.startsWith("NOSCRIPT")) {
        await this.#load(canary);
        return this.writeRefusal(key);
      }
      // Any other reply, such as the redirect of a moved slot, says nothing about writes.
      if (writeRefusals.test(error.message)) return error.message;
    }
    return undefined;
  }

  /** Loads a script. Redis before version 7 does not know the first line of the canary's. */
  async #load(script: Script): Promise<void> {
    try {
      await this.#commands.scriptLoad(script.text);
    } catch (error) {
      if (script !== scripts.canary || !(error instanceof ErrorReply)) throw error;
      this.#hasCanaryScript = false;
    }
  }

  /** Subscribes to a channel by unsharded pub/sub, which has no slots. */
  async listenTo(busChannel: string): Promise<void> {
    await this.#listening.subscribe(busChannel, this.#events.onMessage);
  }

  async subscribe(busChannels: readonly string[]): Promise<void> {
    const subscribed: Promise<void>[] = [];
    if (this.#isSharded) {
      // One command may only name channels of one slot.
      for (const some of bySlot(busChannels)) {
        subscribed.push(this.#listening.sSubscribe(some, this.#events.onMessage));
      }
      await Promise.all(subscribed);
      return;
    }
    for (let from = 0; from < busChannels.length; from += channelsPerCommand) {
      const some = busChannels.slice(from, from + channelsPerCommand);
      subscribed.push(this.#listening.subscribe(some, this.#events.onMessage));
    }
    await Promise.all(subscribed);
  }

  async unsubscribe(busChannels: readonly string[]): Promise<void> {
    if (this.#isSharded) {
      const slots = bySlot(busChannels);
      await Promise.all(slots.map((some) => this.#listening.sUnsubscribe(some)));
    } else await this.#listening.unsubscribe([...busChannels]);
  }

  /** Resolves with Redis' time in milliseconds since 1970. */
  async now(): Promise<number> {
    const [seconds, microseconds] = (await this.#commands.sendCommand([
      "TIME",
    ])) as unknown as string[];
    return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  }

  /** Resolves with the memory that the server reports in its INFO. */
  async memory(): Promise<StoreMemory> {
    const info = String(await this.#commands.sendCommand(["INFO", "memory"]));
    const field = (name: string) =>
      Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? Number.NaN);
    const used = field("used_memory");
    if (!Number.isFinite(used)) throw new Error("INFO does not report the memory of Redis");
    return { used, max: field("maxmemory") || 0 };
  }

  /**
   * Rejects unless the server is a master. A demoted master still publishes to its own subscribers, so its role
   * must be asked for.
   */
  async #mustBeMaster(Refusal: new (message: string) => Error = Error): Promise<void> {
    const [role] = (await this.#sendFirst(["ROLE"])) as string[];
    if (role !== "master")
      throw new Refusal(`the server is a ${role}, which takes no writes; connect to the master`);
  }

  /** Ends both sockets and rejects calls that have no answer yet. */
  end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason = reason;
    for (const client of [this.#commands, this.#listening]) {
      try {
        client.destroy();
      } catch {
        // The client was never open, or is closed already.
      }
    }
    if (this.#opened) this.#events.onEnd(reason);
  }
}

function bySlot(busChannels: readonly string[]): string[][] {
  const slots = new Map<number, string[]>();
  for (const busChannel of busChannels) {
    const slot = hashSlot(busChannel);
    const there = slots.get(slot);
    if (there === undefined) slots.set(slot, [busChannel]);
    else there.push(busChannel);
  }
  return [...slots.values()];
}
