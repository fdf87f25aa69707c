import {
  cutText,
  isErrorCode,
  isRecord,
  JsonText,
  MilepostError,
  ndjsonType,
  type SseEvent,
  SseReader,
} from "@milepost/protocol";

/** Media type of an answer that arrives in pieces, without its parameters. */
export type StreamType = typeof ndjsonType | "text/event-stream";

/** Part of a streamed answer: a piece for the client, or the result that ends it. */
export type Piece =
  | { readonly kind: "piece"; readonly data: JsonText }
  | { readonly kind: "result"; readonly value: unknown };

const maxDetailLength = 500;

/** Returns the type of a streamed answer; undefined for any other content type. */
export function streamTypeOf(contentType: string | undefined): StreamType | undefined {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/x-ndjson" || type === "application/ndjson") return ndjsonType;
  return type === "text/event-stream" ? type : undefined;
}

/**
 * Reads a streamed answer of a backend, which arrives in parts. It holds at most one piece that is not complete, of at
 * most `maxBytes` bytes. Both methods throw `backend_failed` for an answer that cannot be read, and the error that the
 * backend reports in the stream.
 */
export interface PieceReader {
  /** Returns the pieces that this part completes. */
  push(part: Uint8Array): readonly Piece[];
  /** Returns the piece that the end of the answer completes. */
  end(): readonly Piece[];
}

/** Creates the reader of a streamed answer to `method`. */
export function readerOf(type: StreamType, method: string, maxBytes: number): PieceReader {
  return type === ndjsonType ? new LineReader(method, maxBytes) : new EventReader(method, maxBytes);
}

/** Decodes text strictly, and counts what is held back for a piece that is not complete. */
class StrictText {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #method: string;

  constructor(method: string) {
    this.#method = method;
  }

  decode(part: Uint8Array | undefined): string {
    try {
      return this.#decoder.decode(part, { stream: part !== undefined });
    } catch {
      throw unreadable(this.#method, "it is not UTF-8");
    }
  }
}

class LineReader implements PieceReader {
  readonly #method: string;
  readonly #maxBytes: number;
  readonly #text: StrictText;
  #rest = "";

  constructor(method: string, maxBytes: number) {
    this.#method = method;
    this.#maxBytes = maxBytes;
    this.#text = new StrictText(method);
  }

  push(part: Uint8Array): readonly Piece[] {
    const lines = (this.#rest + this.#text.decode(part)).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > this.#maxBytes) throw tooLarge(this.#method);
    return lines.flatMap((line) => this.#line(line));
  }

  end(): readonly Piece[] {
    return this.#line(this.#rest + this.#text.decode(undefined));
  }

  #line(line: string): readonly Piece[] {
    if (line.trim() === "") return [];
    if (line.length > this.#maxBytes) throw tooLarge(this.#method);
    const data = jsonIn(line, this.#method);
    const end = line.includes('"$') ? endIn(data) : undefined;
    if (end === undefined) return [{ kind: "piece", data }];
    if (end.name === "$error") throw reported(end.value, this.#method);
    return [{ kind: "result", value: end.value }];
  }
}

class EventReader implements PieceReader {
  readonly #method: string;
  readonly #maxBytes: number;
  readonly #text: StrictText;
  readonly #events: SseReader;
  #pieces: Piece[] = [];
  /** Number of complete events, and characters since the last one. */
  #count = 0;
  #held = 0;

  constructor(method: string, maxBytes: number) {
    this.#method = method;
    this.#maxBytes = maxBytes;
    this.#text = new StrictText(method);
    this.#events = new SseReader((event) => this.#event(event));
  }

  push(part: Uint8Array): readonly Piece[] {
    const text = this.#text.decode(part);
    const before = this.#count;
    this.#events.take(text);
    this.#held = this.#count === before ? this.#held + text.length : lengthOfTail(text);
    if (this.#held > this.#maxBytes) throw tooLarge(this.#method);
    return this.#take();
  }

  end(): readonly Piece[] {
    this.#text.decode(undefined);
    // An event without the blank line after it is not complete, as in a browser.
    return this.#take();
  }

  #take(): readonly Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  #event({ event, data }: SseEvent): void {
    this.#count++;
    if (data.length > this.#maxBytes) throw tooLarge(this.#method);
    // Services for language models end their streams so.
    if (data.trim() === "[DONE]") {
      this.#pieces.push({ kind: "result", value: null });
      return;
    }
    const json = jsonIn(data, this.#method);
    if (event === "error") throw reported(JSON.parse(json.text), this.#method);
    this.#pieces.push(
      event === "result" ? { kind: "result", value: json } : { kind: "piece", data: json },
    );
  }
}

/** Returns the number of characters after the last blank line of a text. */
function lengthOfTail(text: string): number {
  const ends = ["\n\n", "\r\r", "\r\n\r\n"].map((end) => text.lastIndexOf(end));
  return text.length - Math.max(0, ...ends);
}

function jsonIn(text: string, method: string): JsonText {
  const json = JsonText.parse(text.trim());
  if (json.ok) return json.value;
  throw unreadable(method, `a piece is not JSON: ${json.failure.message}`);
}

/** Returns the field of an object that has `$result` or `$error` and no other field. */
function endIn({ text }: JsonText): { name: "$result" | "$error"; value: unknown } | undefined {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) return undefined;
  const [name, ...others] = Object.keys(value);
  if (others.length > 0 || (name !== "$result" && name !== "$error")) return undefined;
  if (name === "$error") return { name, value: value.$error };
  // What stands between the braces after the name is the text of the result.
  const result = text.slice(text.indexOf(":") + 1, -1);
  return { name, value: new JsonText(result) };
}

/** Returns the error that a backend reports within a stream, in the form of a problem document. */
function reported(problem: unknown, method: string): MilepostError {
  const { code, detail, title, message } = isRecord(problem) ? problem : {};
  const said = [detail, message, title].find((text) => typeof text === "string" && text !== "");
  return new MilepostError(
    isErrorCode(code) ? code : "backend_failed",
    typeof said === "string"
      ? cutText(said, maxDetailLength)
      : `the backend of ${method} reported an error in its answer`,
  );
}

function unreadable(method: string, why: string): MilepostError {
  return new MilepostError(
    "backend_failed",
    `the backend of ${method} sent a stream that cannot be read: ${why}`,
  );
}

function tooLarge(method: string): MilepostError {
  return new MilepostError(
    "backend_failed",
    `a piece of the backend's answer to ${method} is larger than maxAnswerBytes; send smaller pieces`,
  );
}
