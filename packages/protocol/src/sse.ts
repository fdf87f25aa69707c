/** One event of a `text/event-stream`. */
export interface SseEvent {
  /** What a browser sends back as `Last-Event-ID`; absent leaves the last one as it was. */
  readonly id?: string;
  /** Whose listeners are told; absent is `message`. */
  readonly event?: string;
  readonly data: string;
}

const lineEnd = /\r\n|\r|\n/;

/**
 * Encodes one event.
 *
 * No text can forge a field or a second event: data is cut into lines, of which each is prefixed, and an id
 * or name that could not stand in one line is left out. Line ends of data arrive as `\n`, since the format
 * has no other; JSON escapes them and arrives as it was.
 */
export function encodeSseEvent({ id, event, data }: SseEvent): string {
  let text = "";
  if (id !== undefined && isOneLine(id)) text += `id: ${id}\n`;
  if (event !== undefined && isOneLine(event)) text += `event: ${event}\n`;
  if (isOneLine(data)) return `${text}data: ${data}\n\n`;
  for (const line of data.split(lineEnd)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** Tells the browser how long to wait before it comes back, in whole milliseconds. */
export function encodeSseRetry(delayMs: number): string {
  return `retry: ${Math.round(delayMs)}\n\n`;
}

/** A comment: it says nothing and keeps what stands between from hanging up. */
export const sseComment = ":\n\n";

function isOneLine(text: string): boolean {
  return !text.includes("\n") && !text.includes("\r") && !text.includes("\0");
}

/** Reads a `text/event-stream` that comes in pieces, the way the HTML standard has it. */
export class SseReader {
  readonly #onEvent: (event: SseEvent) => void;
  #rest = "";
  /** Whether the last piece ended with a CR, whose LF may come with the next. */
  #afterReturn = false;
  #data: string | undefined;
  #event: string | undefined;
  #id: string | undefined;

  constructor(onEvent: (event: SseEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Takes a piece of decoded text, and tells the events that it completes. */
  take(piece: string): void {
    let text = piece;
    if (text === "") return;
    if (this.#afterReturn && text.startsWith("\n")) text = text.slice(1);
    this.#afterReturn = text === "" ? false : text.endsWith("\r");
    const lines = (this.#rest + text).split(lineEnd);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
  }

  #dispatch(): void {
    const [data, event, id] = [this.#data, this.#event, this.#id];
    this.#data = undefined;
    this.#event = undefined;
    if (data === undefined) return;
    this.#id = undefined;
    this.#onEvent({ data, ...(event && { event }), ...(id !== undefined && { id }) });
  }
}
