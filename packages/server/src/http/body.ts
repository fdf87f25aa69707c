import { isAscii } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { MilepostError } from "@milepost/protocol";

/** Media type of NDJSON: one JSON object per line. */
export const ndjsonMediaType = "application/x-ndjson";

/**
 * Reads the body of a request as text, at most `maxBytes` bytes of it.
 *
 * Throws `too_large` as soon as the body is known to be longer, at best before any of it was read. Throws
 * `bad_json` when the body is not UTF-8, `bad_message` when it is compressed, and `cancelled` when it ends
 * early.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  return textOf(await readBytes(request, maxBytes));
}

/** Decodes the bytes of a body; throws `bad_json` when they are not UTF-8. */
export function textOf(bytes: Buffer): string {
  // Of ASCII, which most bodies are, one byte is one character, and nothing has to be decoded.
  if (isAscii(bytes)) return bytes.toString("latin1");
  try {
    return utf8.decode(bytes);
  } catch {
    throw new MilepostError("bad_json", "the body is not valid UTF-8");
  }
}

/** Bodies that were read before their route asked for them, because the request is signed. */
const known = new WeakMap<IncomingMessage, Buffer>();

/**
 * Reads the body of a request as bytes, with the errors of {@link readBody}. A later {@link readBody} of the same
 * request returns the same body.
 */
export async function readSignedBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const bytes = await readBytes(request, maxBytes);
  known.set(request, bytes);
  return bytes;
}

async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const read = known.get(request);
  if (read !== undefined) return read;
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new MilepostError(
      "bad_message",
      "compressed bodies are not supported; send the body without Content-Encoding",
    );
  }
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // The request must not be destroyed when the loop ends early: the answer is still sent on its socket.
    const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of body) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof MilepostError) throw cause;
    throw new MilepostError("cancelled", "the body ended before it was complete", { cause });
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function tooLarge(maxBytes: number): MilepostError {
  return new MilepostError(
    "too_large",
    `the body is larger than ${maxBytes} bytes; send less in one request`,
  );
}

/** True when a `Content-Type` announces NDJSON. Bodies of every other type are read as JSON. */
export function isNdjson(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === ndjsonMediaType;
}

/** Splits NDJSON text into its lines, without blank ones. */
export function ndjsonLines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}
