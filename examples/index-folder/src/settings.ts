import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
  /** Folder of the gateway's data and of the indexes; undefined to forget both at the end. */
  readonly data: string | undefined;
}

/** Error about a setting that cannot be used; its message is one line. */
export class SettingError extends Error {}

/**
 * Reads `MILEPOST_PORT` (8787), `MILEPOST_HOST` (127.0.0.1), `MILEPOST_DEMO_ROOT` (`defaultRoot`),
 * `MILEPOST_DEMO_HOSTS`, `MILEPOST_DATA` (`defaultData`; not with `MILEPOST_MEMORY`), `MILEPOST_TOKEN_SECRET` and
 * `MILEPOST_API_KEY`. A missing secret is generated and kept with the data; a variable with the suffix `_FILE` names a file
 * that holds the secret. Throws {@link SettingError}.
 */
export function readSettings(
  env: NodeJS.ProcessEnv,
  defaultRoot: string,
  defaultData?: string,
): Settings {
  const data = env.MILEPOST_MEMORY === "true" ? undefined : env.MILEPOST_DATA || defaultData;
  const kept = data === undefined ? madeUpSecrets() : keptSecrets(data);
  return {
    data,
    port: readPort(env.MILEPOST_PORT),
    host: env.MILEPOST_HOST || "127.0.0.1",
    root: readRoot(env.MILEPOST_DEMO_ROOT || defaultRoot),
    allowedHosts: (env.MILEPOST_DEMO_HOSTS ?? "").split(",").flatMap((name) => name.trim() || []),
    tokenSecret: readSecret(env, "MILEPOST_TOKEN_SECRET") ?? kept.tokenSecret,
    apiKey: readSecret(env, "MILEPOST_API_KEY") ?? kept.apiKey,
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

interface Secrets {
  readonly tokenSecret: string;
  readonly apiKey: string;
}

function madeUpSecrets(): Secrets {
  const secret = () => randomBytes(36).toString("base64url");
  return { tokenSecret: secret(), apiKey: secret() };
}

/** Returns the secrets of the first start on this folder, so that a page is still its visitor's after a restart. */
function keptSecrets(data: string): Secrets {
  const file = join(data, "demo-secrets.json");
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Secrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unusable(data, error);
  }
  const secrets = madeUpSecrets();
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
  } catch (error) {
    throw unusable(data, error);
  }
  return secrets;
}

function unusable(data: string, error: unknown): SettingError {
  const { message } = error as Error;
  return new SettingError(
    `The data folder ${data} cannot be used (${message}). Choose another with MILEPOST_DATA, or forget everything with MILEPOST_MEMORY=true.`,
  );
}

function readSecret(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const given = env[name];
  if (given) return checkedSecret(name, given);
  const file = env[`${name}_FILE`];
  if (!file) return undefined;
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
