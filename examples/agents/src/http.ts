import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, resolve, sep } from "node:path";
import { errorCodes, isRecord, MilepostError, parseJson } from "@milepost/protocol";

const maxBodyBytes = 16 * 1024;

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

/** Answers with an error. */
export function answerError(response: ServerResponse, { code, message }: MilepostError): void {
  answerJson(response, errorCodes[code].status, { code, detail: message });
}

/** Reads a JSON object of at most 16 KiB. Rejects with `bad_message` for anything else. */
export async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes) throw new MilepostError("too_large", "the body is too large");
    chunks.push(chunk);
  }
  const json = parseJson(Buffer.concat(chunks).toString("utf8") || "{}");
  if (json.ok && isRecord(json.value)) return json.value;
  throw new MilepostError("bad_message", "the body must be a JSON object");
}

/** Serves a file of a folder; resolves with false if there is no such file. */
export async function serveFile(
  folder: string,
  path: string,
  response: ServerResponse,
): Promise<boolean> {
  const file = resolve(folder, `./${path === "" ? "index.html" : path}`);
  const type = types[extname(file)];
  if (type === undefined || !file.startsWith(folder + sep)) return false;
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) return false;
  response.writeHead(200, {
    "content-type": type,
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  });
  response.end(content);
  return true;
}
