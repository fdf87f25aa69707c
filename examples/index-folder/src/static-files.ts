import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/**
 * Serves a file of a folder; resolves with false, without answering, when there is no such file.
 *
 * A path that is empty or ends with `/` means its `index.html`. Files in `assets/` have a hash in their names
 * and are cached as immutable for a year; all other files are revalidated each time. `host` is the request's
 * Host header, already checked.
 */
export async function serveFile(
  folder: string,
  path: string,
  host: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const file = fileOf(folder, path);
  const type = file && types[extname(file)];
  if (!file || !type) return false;
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return false;
  const etag = `"${found.mtimeMs.toString(36)}-${found.size.toString(36)}"`;
  const isKept = path.startsWith("assets/");
  const headers = {
    "content-type": type,
    etag,
    "cache-control": isKept ? "public, max-age=31536000, immutable" : "no-cache",
    "content-security-policy": policy(host),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304, headers).end();
    return true;
  }
  response.writeHead(200, { ...headers, "content-length": found.size });
  if (request.method === "HEAD") response.end();
  // A client that disconnects in the middle needs no answer, so the error is dropped.
  else await pipeline(createReadStream(file), response).catch(() => response.destroy());
  return true;
}

function fileOf(folder: string, path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  if (/[\0\\]/.test(decoded)) return undefined;
  const file = resolve(folder, `./${decoded}`);
  if (file !== folder && !file.startsWith(folder + sep)) return undefined;
  return decoded === "" || decoded.endsWith("/") ? join(file, "index.html") : file;
}

function policy(host: string): string {
  return [
    "default-src 'self'",
    // Not every browser includes WebSockets in 'self'.
    `connect-src 'self' ws://${host} wss://${host}`,
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}
