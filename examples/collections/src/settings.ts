/** Settings of the example. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  /** Number of gateway nodes. */
  readonly nodes: number;
  /** Number of worker processes. */
  readonly workers: number;
  /** Pause after each document, in milliseconds, so that people can watch. */
  readonly paceMs: number;
  /** Address of a Redis that runs already; undefined to start one. */
  readonly redisUrl: string | undefined;
  /** Program to start as Redis. */
  readonly redisServer: string;
  /** Secret of the tokens and the API key; random if undefined. */
  readonly tokenSecret: string | undefined;
  readonly apiKey: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings from the environment and `--port`; throws with the mistake and its fix. */
export function readSettings(environment: Environment, args: readonly string[]): Settings {
  const flag = args.indexOf("--port");
  const port = flag >= 0 ? args[flag + 1] : environment.PORT;
  return {
    port: whole("PORT or --port", port ?? "8787", 0, 65_535),
    host: environment.HOST ?? "127.0.0.1",
    nodes: whole("NODES", environment.NODES ?? "3", 1, 16),
    workers: whole("WORKERS", environment.WORKERS ?? "3", 1, 16),
    paceMs: whole("PACE_MS", environment.PACE_MS ?? "150", 0, 10_000),
    redisUrl: environment.REDIS_URL ?? environment.MILEPOST_REDIS_URL,
    redisServer: environment.MILEPOST_REDIS_SERVER ?? "redis-server",
    tokenSecret: environment.MILEPOST_TOKEN_SECRET,
    apiKey: environment.MILEPOST_API_KEY,
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(
    `${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`,
  );
}
