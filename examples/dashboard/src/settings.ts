import { randomBytes } from "node:crypto";

/** Settings of the example. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  /** URL of Redis; empty for the memory of one process. */
  readonly redis: string;
  readonly workers: number;
  /** Secret that signs user tokens. */
  readonly secret: string;
  /** Origins of pages on other hosts that may use the dashboard. */
  readonly origins: readonly string[];
  /** Things that a person should know about these settings. */
  readonly warnings: readonly string[];
}

/** Setting that the example cannot use; the message says how to set it. */
export class SettingError extends Error {}

/** Bytes below which a secret can be guessed from one token. */
const safeSecretBytes = 32;

/**
 * Reads the settings from variables and flags. Each variable may have its name in Milepost or the one that Python
 * services use: `MILEPOST_REDIS_URL` or `REDIS_URL`, `MILEPOST_TOKEN_SECRET` or `SECRET_KEY`, `MILEPOST_PORT` or
 * `PORT` or `BACKEND_PORT`, `MILEPOST_ALLOWED_ORIGINS` or `FRONTEND_URL`.
 *
 * Throws {@link SettingError} for a value that it cannot use.
 */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
): Settings {
  const warnings: string[] = [];
  const { ALGORITHM: algorithm = "HS256" } = env;
  if (algorithm !== "HS256") {
    throw new SettingError(
      `ALGORITHM is ${algorithm}; this example verifies HS256. The gateway itself takes others: see "Tokens" in docs/operations.md.`,
    );
  }
  const given = env.MILEPOST_TOKEN_SECRET ?? env.SECRET_KEY;
  const secret = given || randomBytes(48).toString("base64url");
  if (Buffer.byteLength(secret) < safeSecretBytes) {
    warnings.push(
      `The secret has ${Buffer.byteLength(secret)} bytes: whoever has one token can find it by trying. Use the output of: openssl rand -base64 48`,
    );
  }
  const redis = env.MILEPOST_REDIS_URL ?? env.REDIS_URL ?? "";
  const workers = whole("--workers", flagOf(flags, "--workers") ?? env.MILEPOST_WORKERS ?? "1", 64);
  if (workers > 1 && (redis === "" || !given)) {
    throw new SettingError(
      "several workers share a Redis and a secret; set REDIS_URL and SECRET_KEY",
    );
  }
  const port =
    flagOf(flags, "--port") ?? env.MILEPOST_PORT ?? env.PORT ?? env.BACKEND_PORT ?? "8787";
  const origins = env.MILEPOST_ALLOWED_ORIGINS ?? env.FRONTEND_URL ?? "";
  return {
    port: whole("the port", port, 65_535),
    host: env.MILEPOST_HOST ?? "127.0.0.1",
    redis,
    workers,
    secret,
    origins: origins.split(",").flatMap((origin) => origin.trim().replace(/\/$/, "") || []),
    warnings,
  };
}

function flagOf(flags: readonly string[], name: string): string | undefined {
  const at = flags.indexOf(name);
  if (at >= 0) return flags[at + 1] ?? "";
  return flags.find((flag) => flag.startsWith(`${name}=`))?.slice(name.length + 1);
}

function whole(what: string, text: string, max: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max))
    throw new SettingError(`${what} must be a whole number up to ${max}, not "${text}"`);
  return value;
}
