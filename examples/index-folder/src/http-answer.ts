import type { IncomingMessage, ServerResponse } from "node:http";
import {
  errorCodes,
  MilepostError as Failed,
  isRecord,
  type MilepostError,
  parseJson,
} from "@milepost/protocol";

const maxBodyBytes = 16 * 1024;

/** Answers with JSON that must not be cached. */
export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(JSON.stringify(body));
}

/** Answers with a problem document (RFC 9457). */
export function answerProblem(response: ServerResponse, error: MilepostError): void {
  const { status, description } = errorCodes[error.code];
  const { code, message, retryable, retryAfterMs } = error;
  answerJson(
    response,
    status,
    {
      type: `urn:milepost:error:${code}`,
      title: description,
      status,
      detail: message,
      code,
      retryable,
    },
    {
      "content-type": "application/problem+json",
      ...(retryAfterMs === undefined
        ? {}
        : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) }),
    },
  );
}

/** Reads a JSON object of at most 16 KiB; an empty body counts as an empty object. */
export async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes) {
      throw new Failed("too_large", `the body may have ${maxBodyBytes} bytes at most`);
    }
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  const read = parseJson(Buffer.concat(chunks).toString("utf8"));
  if (!read.ok) throw Failed.from(read.failure);
  if (!isRecord(read.value)) throw new Failed("bad_message", "the body must be a JSON object");
  return read.value;
}
