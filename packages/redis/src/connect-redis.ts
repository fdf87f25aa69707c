import { MilepostError } from "@milepost/protocol";
import { createClient } from "@redis/client";
import type { BusMessageListener, RedisLink } from "./redis-link.ts";
import { type Script, scripts } from "./script.ts";
import { ScriptCalls } from "./script-calls.ts";

const maxQueued = 100_000;
const connectTimeoutMs = 5_000;

/** Where Redis is. */
export interface RedisOptions {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Told when a connection breaks or cannot be made again; without it nobody is. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Connects to one Redis server.
 *
 * Rejects with one line that says what is wrong (not reachable, password, too old) and never names the password.
 * Connected once, it reconnects by itself, with a growing random delay.
 */
export async function connectRedis({ url, onFault = () => {} }: RedisOptions): Promise<RedisLink> {
  let isUp = false;
  const commands = clientOf(url, (attempts, cause) => (isUp ? reconnectDelay(attempts) : cause));
  // Without listeners a broken socket would end the process.
  commands.on("error", onFault);
  const listening = commands.duplicate({ disableOfflineQueue: false });
  listening.on("error", onFault);
  try {
    await commands.connect();
    await listening.connect();
  } catch (error) {
    commands.destroy();
    throw new Error(`Redis at ${shown(url)}: ${reasonOf(error)}`, { cause: error });
  }
  isUp = true;
  for (const script of Object.values(scripts)) await commands.scriptLoad(script.text);
  const [seconds, microseconds] = (await commands.sendCommand(["TIME"])) as unknown as string[];
  const redisNow = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  return new SingleRedis(commands, listening, redisNow);
}

function clientOf(
  url: string,
  reconnectStrategy: (attempts: number, cause: Error) => number | Error,
) {
  return createClient({
    url,
    RESP: 2,
    // Its default deadline makes every command cost several times as much.
    commandOptions: { timeout: undefined as unknown as number },
    commandsQueueMaxLength: maxQueued,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    socket: { connectTimeout: connectTimeoutMs, noDelay: true, reconnectStrategy },
  });
}

type Client = ReturnType<typeof clientOf>;

class SingleRedis implements RedisLink {
  readonly publishCommand = "PUBLISH";
  readonly #commands: Client;
  readonly #listening: Client;
  readonly #calls: ScriptCalls;
  readonly #redisNow: number;
  readonly #readAt = performance.now();

  constructor(commands: Client, listening: Client, redisNow: number) {
    this.#commands = commands;
    this.#listening = listening;
    this.#redisNow = redisNow;
    this.#calls = new ScriptCalls(
      (_keys, command) => commands.sendCommand(command as string[]),
      async (script: Script) => {
        await commands.scriptLoad(script.text);
      },
    );
  }

  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#calls.run(script, keys, args);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    try {
      await this.#commands.unlink([...keys]);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async subscribe(busChannels: readonly string[], listener: BusMessageListener): Promise<void> {
    try {
      await this.#listening.subscribe([...busChannels], listener);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async unsubscribe(busChannels: readonly string[]): Promise<void> {
    try {
      await this.#listening.unsubscribe([...busChannels]);
    } catch (error) {
      throw unavailable(error);
    }
  }

  now(): number {
    return this.#redisNow + performance.now() - this.#readAt;
  }

  async close(): Promise<void> {
    this.#commands.destroy();
    this.#listening.destroy();
  }
}

/** What nobody can answer now; whether Redis has done it is unknown. */
function unavailable(error: unknown): MilepostError {
  return new MilepostError("store_unavailable", reasonOf(error), { cause: error });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with one error for each, and no message.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error.message;
}

/** Full jitter, 50 ms doubling to 2 s. */
function reconnectDelay(attempts: number): number {
  return Math.random() * Math.min(2_000, 50 * 2 ** Math.min(attempts, 10));
}

function shown(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "an address that is no URL";
  }
}
