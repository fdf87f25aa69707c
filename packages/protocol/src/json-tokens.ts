/**
 * Returns the index of the quote that ends the string beginning at `at`; the length of the text if none does.
 */
export function endOfString(text: string, at: number): number {
  for (let end = at + 1; ; end++) {
    end = text.indexOf('"', end);
    if (end < 0) return text.length;
    let before = end;
    while (text.charCodeAt(before - 1) === backslash) before--;
    if ((end - before) % 2 === 0) return end;
  }
}

/** Returns a valid JSON text without the whitespace between its tokens. */
export function compactJson(text: string): string {
  let compact = "";
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === doubleQuote) i = endOfString(text, i);
    else if (unit <= space) {
      compact += text.slice(from, i);
      from = i + 1;
    }
  }
  return from === 0 ? text : compact + text.slice(from);
}

/** Returns a valid JSON text with one field or item per line, indented by two spaces a level. */
export function indentJson(text: string): string {
  const indenter = new Indenter();
  walkJson(text, indenter);
  return indenter.text;
}

/** Receives the parts of a JSON text in their order. A `false` ends the walk. */
export interface JsonVisitor {
  /** Receives a string, number or word as it is written. */
  scalar(written: string): boolean;
  /** Receives the beginning of an object or array. */
  begin(isObject: boolean): boolean;
  /** Receives a key of the innermost object as it is written, in quotes. */
  key(written: string): boolean;
  /** Receives the end of the innermost object or array. */
  end(): boolean;
}

/** Reports the parts of a valid JSON text to a visitor. */
export function walkJson(text: string, visitor: JsonVisitor): void {
  /** True where the next string may be a key: after the beginning of an object or a comma inside one. */
  let isKey = false;
  const objects: boolean[] = [];
  for (let i = 0; i < text.length; ) {
    const unit = text.charCodeAt(i);
    let goesOn = true;
    if (unit === openBrace || unit === openBracket) {
      isKey = unit === openBrace;
      objects.push(isKey);
      goesOn = visitor.begin(isKey);
      i++;
    } else if (unit === closeBrace || unit === closeBracket) {
      objects.pop();
      goesOn = visitor.end();
      i++;
    } else if (unit === comma) {
      isKey = objects.at(-1) === true;
      i++;
    } else if (unit === colon || unit <= space) i++;
    else {
      const from = i;
      i = unit === doubleQuote ? endOfString(text, i) + 1 : endOfWord(text, i);
      const written = text.slice(from, i);
      goesOn = isKey ? visitor.key(written) : visitor.scalar(written);
      isKey = false;
    }
    if (!goesOn) return;
  }
}

class Indenter implements JsonVisitor {
  text = "";
  readonly #open: { readonly end: string; count: number }[] = [];
  #isAfterKey = false;

  begin(isObject: boolean): boolean {
    this.#place(isObject ? "{" : "[");
    this.#open.push({ end: isObject ? "}" : "]", count: 0 });
    return true;
  }

  end(): boolean {
    const { end, count } = this.#open.pop() ?? { end: "", count: 0 };
    this.text += count === 0 ? end : `\n${"  ".repeat(this.#open.length)}${end}`;
    return true;
  }

  key(written: string): boolean {
    this.#place(`${written}: `);
    this.#isAfterKey = true;
    return true;
  }

  scalar(written: string): boolean {
    this.#place(written);
    return true;
  }

  /** Writes a part on a line of its own, except after its key. */
  #place(written: string): void {
    const level = this.#open.at(-1);
    if (level !== undefined && !this.#isAfterKey) {
      this.text += `${level.count === 0 ? "" : ","}\n${"  ".repeat(this.#open.length)}`;
      level.count++;
    }
    this.#isAfterKey = false;
    this.text += written;
  }
}

/** Returns the string that a JSON string in quotes stands for. */
export function unquoted(written: string): string {
  return written.includes("\\") ? (JSON.parse(written) as string) : written.slice(1, -1);
}

function endOfWord(text: string, at: number): number {
  let end = at;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit === comma || unit === closeBracket || unit === closeBrace || unit <= space) break;
  }
  return end;
}

const doubleQuote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const colon = 0x3a;
const comma = 0x2c;
const space = 0x20;
