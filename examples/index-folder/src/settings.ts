import { randomBytes } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";

/** Settings of the demo, from its environment. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  /** Root folder, with all links resolved. Folders outside it are refused. */
  readonly root: string;
  /** Names under which browsers may reach the demo, besides `localhost` and addresses. */
  readonly allowedHosts: readonly string[];
  readonly tokenSecret: string;
  readonly apiKey: string;
}

/** Error about a setting that cannot be used; its message is one line. */
export class SettingError extends Error {}

/**
 * Reads `MILEPOST_PORT` (8787), `MILEPOST_HOST` (127.0.0.1), `MILEPOST_DEMO_ROOT` (`defaultRoot`),
 * `MILEPOST_DEMO_HOSTS`, `MILEPOST_TOKEN_SECRET` and `MILEPOST_API_KEY`. A missing secret is generated for this
 * start; a variable with the suffix `_FILE` names a file that holds the secret. Throws {@link SettingError}.
 */
export function readSettings(env: NodeJS.ProcessEnv, defaultRoot: string): Settings {
  return {
    port: readPort(env.MILEPOST_PORT),
    host: env.MILEPOST_HOST || "127.0.0.1",
    root: readRoot(env.MILEPOST_DEMO_ROOT || defaultRoot),
    allowedHosts: (env.MILEPOST_DEMO_HOSTS ?? "").split(",").flatMap((name) => name.trim() || []),
    tokenSecret: readSecret(env, "MILEPOST_TOKEN_SECRET"),
    apiKey: readSecret(env, "MILEPOST_API_KEY"),
  };
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === "") return 8787;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new SettingError(`MILEPOST_PORT must be a number from 0 to 65535, not "${text}"`);
}

function readRoot(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    throw new SettingError(`MILEPOST_DEMO_ROOT must be a folder; there is none at "${path}"`);
  }
}

function readSecret(env: NodeJS.ProcessEnv, name: string): string {
  const given = env[name];
  if (given) return checkedSecret(name, given);
  const file = env[`${name}_FILE`];
  if (!file) return randomBytes(36).toString("base64url");
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch {
    throw new SettingError(`${name}_FILE names a file that cannot be read: "${file}"`);
  }
  return checkedSecret(`the file named by ${name}_FILE`, content.trim());
}

function checkedSecret(name: string, secret: string): string {
  if (Buffer.byteLength(secret) >= 32) return secret;
  throw new SettingError(
    `${name} must have at least 32 bytes; create one with: openssl rand -base64 48`,
  );
}
