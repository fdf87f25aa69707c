import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** Settings of the studio's backend. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  /** Origin of the page, which may call the backend and the gateway. */
  readonly frontendUrl: string;
  readonly tokenSecret: string;
  /** Folder of the gateway's data and the visitors' files; undefined to forget both at the end. */
  readonly data: string | undefined;
  /** Time for which one visitor has the preview server, in milliseconds. */
  readonly previewMs: number;
  /** Time between two steps of the work, in milliseconds. */
  readonly stepMs: number;
}

/** Error about a setting that cannot be used; its message is one line. */
export class SettingError extends Error {}

/**
 * Reads `--port`, `PORT` or `BACKEND_PORT` (3001), `FRONTEND_URL` (http://localhost:3000), `HOST` (127.0.0.1),
 * `STUDIO_DATA` (`defaultData`; not with `MILEPOST_MEMORY=true`), `SECRET_KEY` (made at the first start and kept with
 * the data), `PREVIEW_MS` (8,000) and `STEP_MS` (350). Throws {@link SettingError}.
 */
export function readSettings(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  defaultData?: string,
): Settings {
  const port = portOf(args) ?? env.PORT ?? env.BACKEND_PORT;
  const isKept = env.MILEPOST_MEMORY !== "true";
  const data = isKept ? env.STUDIO_DATA || defaultData : undefined;
  return {
    data,
    port: numberOf("BACKEND_PORT", port, 3_001, 65_535),
    host: env.HOST || "127.0.0.1",
    frontendUrl: originOf(env.FRONTEND_URL || "http://localhost:3000"),
    tokenSecret: secretOf(env.SECRET_KEY) ?? keptSecret(data),
    previewMs: numberOf("PREVIEW_MS", env.PREVIEW_MS, 8_000, 600_000),
    stepMs: numberOf("STEP_MS", env.STEP_MS, 350, 60_000),
  };
}

function portOf(args: readonly string[]): string | undefined {
  try {
    return parseArgs({ args: [...args], options: { port: { type: "string" } } }).values.port;
  } catch (error) {
    throw new SettingError(`${(error as Error).message}; the only option is --port`);
  }
}

function numberOf(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= max) return value;
  throw new SettingError(`${name} must be a number from 0 to ${max}, not "${text}"`);
}

function originOf(url: string): string {
  const isPage = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  if (isPage) return new URL(url).origin;
  throw new SettingError(`FRONTEND_URL must be like http://localhost:3000, not "${url}"`);
}

function secretOf(given: string | undefined): string | undefined {
  if (!given) return undefined;
  if (Buffer.byteLength(given) >= 32) return given;
  throw new SettingError(
    "SECRET_KEY must have at least 32 bytes; make one with: openssl rand -hex 32",
  );
}

/** Returns the secret of the first start on this folder, so that pages are still their visitors' after a restart. */
function keptSecret(data: string | undefined): string {
  const made = randomBytes(36).toString("base64url");
  if (data === undefined) return made;
  const file = join(data, "secret");
  const whole = `${file}.${process.pid}`;
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    // A process that is killed in between must not leave half a secret.
    writeFileSync(whole, made, { mode: 0o600 });
    try {
      linkSync(whole, file);
    } finally {
      rmSync(whole, { force: true });
    }
    return made;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return readFileSync(file, "utf8");
    throw new SettingError(
      `STUDIO_DATA cannot be used (${message}); choose another folder, or forget everything with MILEPOST_MEMORY=true`,
    );
  }
}
