import type { IncomingMessage } from "node:http";
import { MilepostError } from "@milepost/protocol";

/** The media type of one JSON object a line. */
export const ndjsonMediaType = "application/x-ndjson";

/**
 * Reads a request's body as text, at most `maxBytes` of it.
 *
 * A longer one is `too_large` as soon as that is known, at best before any of it was read; one that is
 * not UTF-8 is `bad_json`.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new MilepostError("bad_message", "bodies are read as they are; send no content-encoding");
  }
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // The stream must survive an early end of the loop: the answer still goes out on its socket.
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
  try {
    return utf8.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  } catch {
    throw new MilepostError("bad_json", "the body is not valid UTF-8");
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function tooLarge(maxBytes: number): MilepostError {
  return new MilepostError("too_large", `the body may have ${maxBytes} bytes at most`);
}

/** Whether a `Content-Type` announces NDJSON; everything else is read as JSON. */
export function isNdjson(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === ndjsonMediaType;
}

/** The lines of NDJSON text that are not blank. */
export function ndjsonLines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}
