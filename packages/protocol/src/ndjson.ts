import { type Parsed, refused } from "./failure.ts";
import { parseJson } from "./json.ts";

/** Media type of NDJSON: many JSON values, one per line. */
export const ndjsonType = "application/x-ndjson";

const lineFeed = 0x0a;

/**
 * Splits a stream of NDJSON, which arrives in chunks, into values.
 *
 * Each line that is not blank gives one outcome, in order: its value, `bad_json` (also for text that is not
 * UTF-8), `too_deep`, or `too_large` for a line of more than `maxLineBytes` bytes. The lines after a refused
 * line are still read. The splitter buffers at most `maxLineBytes` bytes. Lines end with LF or CRLF; the last
 * line may end without either.
 */
export class NdjsonSplitter {
  readonly #maxLineBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** Parts of an unfinished line that spans chunks. */
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Returns the outcomes of the lines that this chunk completes. The caller may reuse the chunk afterwards. */
  push(chunk: Uint8Array): readonly Parsed<unknown>[] {
    const outcomes: Parsed<unknown>[] = [];
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(lineFeed, from);
      if (end < 0) break;
      this.#hold(chunk.subarray(from, end));
      this.#takeLine(outcomes);
      from = end + 1;
    }
    // The unfinished line is copied, because the chunk belongs to the caller and may change before the next one
    // arrives.
    this.#hold(chunk.slice(from));
    return outcomes;
  }

  /**
   * Returns the outcome of the last line if that line did not end with a line feed. Call it at the end of the
   * stream.
   */
  end(): readonly Parsed<unknown>[] {
    const outcomes: Parsed<unknown>[] = [];
    this.#takeLine(outcomes);
    return outcomes;
  }

  #hold(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > this.#maxLineBytes) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  #takeLine(outcomes: Parsed<unknown>[]): void {
    const outcome = this.#readLine();
    if (outcome !== undefined) outcomes.push(outcome);
    this.#parts = [];
    this.#length = 0;
  }

  #readLine(): Parsed<unknown> | undefined {
    if (this.#length > this.#maxLineBytes) {
      return refused("too_large", `a line may have ${this.#maxLineBytes} bytes at most`);
    }
    const text = this.#decodeLine();
    if (text === undefined) return refused("bad_json", "the line is not valid UTF-8");
    return text.trim() === "" ? undefined : parseJson(text);
  }

  #decodeLine(): string | undefined {
    const [only] = this.#parts;
    if (only === undefined) return "";
    try {
      return this.#decoder.decode(
        this.#parts.length === 1 ? only : joined(this.#parts, this.#length),
      );
    } catch {
      return undefined;
    }
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
