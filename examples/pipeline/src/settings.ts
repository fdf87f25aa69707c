import { randomBytes } from "node:crypto";

/** Settings of the example. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  /** Number of worker processes. */
  readonly workers: number;
  /** Time that a worker takes for one piece of a film, in milliseconds. */
  readonly paceMs: number;
  /** Silence after which a worker counts as dead, in milliseconds. */
  readonly lockMs: number;
  /** Address of a Redis that runs already; undefined to start one. */
  readonly redisUrl: string | undefined;
  /** Program to start as Redis. */
  readonly redisServer: string;
  /** Secret of the tokens and the API key; random if the environment has none. */
  readonly tokenSecret: string;
  readonly apiKey: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings from the environment and `--port`; throws with the mistake and its fix. */
export function readSettings(environment: Environment, args: readonly string[]): Settings {
  const flag = args.indexOf("--port");
  const port = flag >= 0 ? args[flag + 1] : environment.PORT;
  return {
    port: whole("PORT or --port", port ?? "8787", 1, 65_535),
    host: environment.HOST ?? "127.0.0.1",
    workers: whole("WORKERS", environment.WORKERS ?? "2", 1, 16),
    paceMs: whole("PACE_MS", environment.PACE_MS ?? "200", 1, 10_000),
    lockMs: whole("LOCK_MS", environment.LOCK_MS ?? "5000", 500, 600_000),
    redisUrl: environment.REDIS_URL,
    redisServer: environment.MILEPOST_REDIS_SERVER ?? "redis-server",
    tokenSecret: environment.MILEPOST_TOKEN_SECRET ?? randomBytes(32).toString("hex"),
    apiKey: environment.MILEPOST_API_KEY ?? randomBytes(32).toString("hex"),
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(
    `${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`,
  );
}
