import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { extname, resolve, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * Serves a file of the built page; resolves with false, without answering, when there is no such file. The page may
 * connect to `backend`, an origin.
 */
export async function serveFile(
  folder: string,
  path: string,
  backend: string,
  response: ServerResponse,
): Promise<boolean> {
  const file = resolve(folder, `.${path === "/" ? "/index.html" : path}`);
  const type = types[extname(file)];
  if (!file.startsWith(folder + sep) || type === undefined) return false;
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) return false;
  response.writeHead(200, {
    "content-type": type,
    "content-length": content.byteLength,
    "cache-control": path.startsWith("/assets/")
      ? "public, max-age=31536000, immutable"
      : "no-cache",
    "content-security-policy": [
      "default-src 'self'",
      `connect-src 'self' ${backend} ${backend.replace(/^http/, "ws")}`,
      "img-src 'self' data:",
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  });
  response.end(content);
  return true;
}
