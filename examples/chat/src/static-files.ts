import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { extname, join, resolve, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Serves a file of a folder; resolves with false, without answering, when there is no such file. */
export async function serveFile(
  folder: string,
  path: string,
  host: string,
  response: ServerResponse,
): Promise<boolean> {
  const file = resolve(folder, path === "" || path.endsWith("/") ? join(path, "index.html") : path);
  const type = types[extname(file)];
  if (type === undefined || !file.startsWith(resolve(folder) + sep)) return false;
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) return false;
  response.writeHead(200, {
    "content-type": type,
    "cache-control": "no-cache",
    // Not every browser includes WebSockets in 'self'.
    "content-security-policy": `default-src 'self'; connect-src 'self' ws://${host} wss://${host}; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'`,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  });
  response.end(content);
  return true;
}
