/** One event of a `text/event-stream`. */
export interface SseEvent {
  /** Id that a browser sends back as `Last-Event-ID`. If absent, the browser keeps the previous id. */
  readonly id?: string;
  /** Name of the event, which decides the listeners that the browser calls; `message` if absent. */
  readonly event?: string;
  readonly data: string;
}

const lineEnd = /\r\n|\r|\n/;

/**
 * Encodes one event of an event stream.
 *
 * No text can forge a field or a second event. Every line of the data has its own prefix, and an id or a name
 * that contains a line end is left out. Line ends in the data arrive as `\n`, because the format has no other.
 * JSON data arrives unchanged, because JSON escapes line ends in strings.
 */
export function encodeSseEvent({ id, event, data }: SseEvent): string {
  let text = "";
  if (id !== undefined && isOneLine(id)) text += `id: ${id}\n`;
  if (event !== undefined && isOneLine(event)) text += `event: ${event}\n`;
  if (isOneLine(data)) return `${text}data: ${data}\n\n`;
  for (const line of data.split(lineEnd)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/**
 * Encodes a `retry` field, which sets the delay before the browser reconnects. The delay is in milliseconds and
 * is rounded to a whole number.
 */
export function encodeSseRetry(delayMs: number): string {
  return `retry: ${Math.round(delayMs)}\n\n`;
}

/** An empty comment of an event stream. Sent regularly, it keeps proxies from closing an idle stream. */
export const sseComment = ":\n\n";

function isOneLine(text: string): boolean {
  return !text.includes("\n") && !text.includes("\r") && !text.includes("\0");
}

/** Parses a `text/event-stream` that arrives in pieces, as the HTML standard describes. */
export class SseReader {
  readonly #onEvent: (event: SseEvent) => void;
  #rest = "";
  /** True if the last piece ended with a CR. The next piece may then start with the LF of the same line end. */
  #afterReturn = false;
  #data: string | undefined;
  #event: string | undefined;
  #id: string | undefined;

  constructor(onEvent: (event: SseEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Accepts a piece of decoded text, and reports the events that it completes. */
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
