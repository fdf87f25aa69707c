import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";

/** One file of the console. */
export interface ConsoleFile {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
  /** True if the name changes with the content, so that it may be kept for long. */
  readonly isHashed: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Returns the folder of the built console; undefined where the package is not installed. */
export function consoleFolder(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve("@milepost/console/package.json");
    return join(dirname(manifest), "dist");
  } catch {
    return undefined;
  }
}

/**
 * Reads the files of the console by their paths below `/console/`: the page itself is the empty path. Returns none if
 * the folder is missing. Only these files are ever served, so no path of a request leads elsewhere.
 */
export function readConsoleFiles(folder: string | undefined): ReadonlyMap<string, ConsoleFile> {
  const files = new Map<string, ConsoleFile>();
  if (folder !== undefined) readFolder(folder, "", files);
  const page = files.get("index.html");
  if (page !== undefined) files.set("", page);
  return files;
}

function readFolder(folder: string, prefix: string, files: Map<string, ConsoleFile>): void {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(folder);
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) readFolder(path, `${prefix}${entry.name}/`, files);
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const body = readFileSync(path);
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
    files.set(`${prefix}${entry.name}`, { type, body, etag, isHashed: prefix === "assets/" });
  }
}

function list(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}
