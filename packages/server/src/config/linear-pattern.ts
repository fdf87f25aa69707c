import { RE2JS } from "re2js";

/** Maximum size of a compiled pattern, in instructions. */
const maxProgram = 2_000;
/**
 * Maximum work of all pattern tests of one validation: tested characters times instructions of their pattern. The
 * slowest patterns need about 30 ns for each.
 */
export const maxPatternWork = 4_000_000;

/** Characters that JavaScript's `\s` matches, as the inside of a class. */
const spaces =
  "\\t-\\r \\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}";
const notSpaces =
  "\\x{0}-\\x{8}\\x{E}-\\x{1F}!-\\x{9F}\\x{A1}-\\x{167F}\\x{1681}-\\x{1FFF}\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}\\x{3001}-\\x{FEFE}\\x{FF00}-\\x{10FFFF}";

/** Failure of a validation whose pattern tests need too much work. */
export class PatternWorkError extends Error {}

/** Work that the pattern tests of the current validation have done. Validation is synchronous. */
let work = 0;

/** Begins a validation: the work of its pattern tests is counted from 0. */
export function beginPatternWork(): void {
  work = 0;
}

/**
 * Regular expression of a JSON Schema that runs in time linear in the text, whatever the text is.
 *
 * The pattern means what it means in JavaScript with the flag `u`. Look-around and back-references cannot run in
 * linear time, so they are refused, as are repeats above 1,000 and patterns of more than 2,000 instructions.
 */
export class LinearPattern {
  readonly #source: string;
  readonly #compiled: RE2JS;
  readonly #size: number;

  /** Throws an Error that names the pattern and what is wrong with it. */
  constructor(source: string) {
    this.#source = source;
    try {
      // It says what is wrong in JavaScript's terms, and refuses what only the other engine knows.
      new RegExp(source, "u");
      this.#compiled = RE2JS.compile(translated(source));
    } catch (error) {
      throw new Error(`pattern ${JSON.stringify(source)} ${reasonOf(error)}`);
    }
    this.#size = this.#compiled.programSize();
    if (this.#size > maxProgram) {
      throw new Error(
        `pattern ${JSON.stringify(source)} is too large: ${this.#size} instructions, at most ${maxProgram}; shorten its repeats`,
      );
    }
  }

  /**
   * Returns true if the pattern matches a part of the text. Throws {@link PatternWorkError} once the tests of one
   * validation together need too much work.
   */
  test(text: string): boolean {
    work += (text.length + 1) * this.#size;
    if (work > maxPatternWork) throw new PatternWorkError();
    return this.#compiled.test(text);
  }

  toString(): string {
    return `/${this.#source}/u`;
  }
}

function reasonOf(error: unknown): string {
  const says = error instanceof Error ? error.message : String(error);
  if (/\(\?<?[=!]/.test(says) || /escape sequence: `\\[1-9k]/.test(says)) {
    return "uses look-around or a back-reference, which cannot be checked in linear time; write it without";
  }
  return `cannot be compiled: ${says.replace(/^.*?regexp?: /i, "")}`;
}

/** Writes a valid pattern of JavaScript, with the flag `u`, in the syntax of RE2. */
function translated(source: string): string {
  let out = "";
  let isInClass = false;
  for (let i = 0; i < source.length; ) {
    const rest = source.slice(i, i + 64);
    const char = rest.charAt(0);
    if (char === "\\") {
      const [length, written] = escapeOf(rest, isInClass);
      out += written;
      i += length;
      continue;
    }
    if (isInClass) {
      isInClass = char !== "]";
      // RE2 reads `[:` in a class as the name of a class.
      out += char === "[" ? "\\[" : char;
    } else if (rest.startsWith("[^]")) {
      out += "(?s:.)";
      i += 3;
      continue;
    } else if (rest.startsWith("[]")) {
      out += "[^\\x{0}-\\x{10FFFF}]";
      i += 2;
      continue;
    } else if (char === ".") out += "[^\\n\\r\\x{2028}\\x{2029}]";
    else {
      isInClass = char === "[";
      out += char;
    }
    i += 1;
  }
  return out;
}

/** Returns the length of the escape that the text begins with, and what RE2 writes for it. */
function escapeOf(rest: string, isInClass: boolean): readonly [length: number, written: string] {
  const pair = /^\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})/i.exec(rest);
  if (pair !== null) {
    const [high = "", low = ""] = pair.slice(1);
    const text = String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16));
    return [12, `\\x{${text.codePointAt(0)?.toString(16)}}`];
  }
  const unicode = /^\\u(?:\{([0-9a-f]+)\}|([0-9a-f]{4}))/i.exec(rest);
  if (unicode !== null) return [unicode[0].length, `\\x{${unicode[1] ?? unicode[2]}}`];
  const control = /^\\c([a-z])/i.exec(rest);
  if (control !== null) return [3, `\\x{${((control[1]?.charCodeAt(0) ?? 0) % 32).toString(16)}}`];
  const property = /^\\([pP])\{(?:Script|sc|General_Category|gc)=(\w+)\}/.exec(rest);
  if (property !== null) return [property[0].length, `\\${property[1]}{${property[2]}}`];
  const named = rest.slice(0, 2);
  switch (named) {
    case "\\s":
      return [2, isInClass ? spaces : `[${spaces}]`];
    case "\\S":
      return [2, isInClass ? notSpaces : `[^${spaces}]`];
    case "\\b":
      return [2, isInClass ? "\\x{8}" : named];
    case "\\0":
      return [2, "\\x{0}"];
    case "\\/":
      return [2, "/"];
    default:
      return [2, named];
  }
}
