import { randomBytes } from "node:crypto";

/** Settings of the example. */
export interface Settings {
  readonly port: number;
  readonly tokenSecret: string;
  readonly apiKey: string;
  /** Pause between two moments of the work, in milliseconds. */
  readonly paceMs: number;
}

/** Reads the settings from the arguments (`--port`) and the environment. Throws an error that says what is wrong. */
export function readSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const at = args.indexOf("--port");
  return {
    port: numberOf("the port", at < 0 ? (env.PORT ?? "8787") : args[at + 1], 65_535),
    tokenSecret: secretOf("MILEPOST_TOKEN_SECRET", env),
    apiKey: secretOf("MILEPOST_API_KEY", env),
    paceMs: numberOf("AGENTS_PACE_MS", env.AGENTS_PACE_MS ?? "700", 60_000),
  };
}

function numberOf(name: string, text: string | undefined, most: number): number {
  const value = Number(text);
  if (text === undefined || text === "" || !Number.isInteger(value) || value < 0 || value > most) {
    throw new RangeError(`${name} must be a whole number from 0 to ${most}, not ${text}`);
  }
  return value;
}

function secretOf(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const given = env[name];
  if (given === undefined) return randomBytes(32).toString("base64url");
  if (given.length < 32) throw new RangeError(`${name} must have at least 32 characters`);
  return given;
}
