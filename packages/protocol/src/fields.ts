import { type Failure, failure, type Parsed, parsed, refused } from "./failure.ts";
import { isRecord } from "./json.ts";

/**
 * Parses one value. Refuses a wrong value with `bad_message` and says what the value must be. The message does
 * not name the field; {@link Fields} adds the name.
 */
export type Reader<T> = (value: unknown) => Parsed<T>;

/**
 * Reads the fields of one untrusted object, one by one.
 *
 * Inherited fields are ignored. `refusal` keeps the first refusal, and its message names the field. For a
 * refused field the methods still return a value of the declared type, which must not be used. The caller must
 * then refuse the whole object.
 */
export class Fields {
  readonly record: Record<string, unknown>;
  refusal: Failure | undefined;
  readonly #path: string;

  /**
   * Reads the fields of `record`. Error messages put `path` before the name of a field, for instance
   * `steps[2].`.
   */
  constructor(record: Record<string, unknown>, path = "") {
    this.record = record;
    this.#path = path;
  }

  /** Returns the value of a required field. Refuses the object if the field is missing. */
  required<T>(name: string, reader: Reader<T>): T {
    if (Object.hasOwn(this.record, name)) return this.#take(name, reader);
    this.refuse(failure("bad_message", `${this.#path}${name} is missing`));
    return undefined as T;
  }

  /**
   * Returns the value of an optional field, or undefined if the field is absent or undefined. A field that is
   * null is present.
   */
  optional<T>(name: string, reader: Reader<T>): T | undefined {
    const absent = !Object.hasOwn(this.record, name) || this.record[name] === undefined;
    return absent ? undefined : this.#take(name, reader);
  }

  /** Records a refusal of the whole object, unless an earlier refusal is recorded. */
  refuse(refusal: Failure): void {
    this.refusal ??= refusal;
  }

  #take<T>(name: string, reader: Reader<T>): T {
    const outcome = reader(this.record[name]);
    if (outcome.ok) return outcome.value;
    const { code, message } = outcome.failure;
    this.refuse(
      code === "bad_message" ? failure(code, within(this.#path + name, message)) : outcome.failure,
    );
    return undefined as T;
  }
}

/** Returns a message about a field or a value inside the field, with the field's name in front. */
function within(name: string, message: string): string {
  const inside = message.startsWith("[") || message.startsWith(".");
  return `${name}${inside ? "" : " "}${message}`;
}

/** Accepts any value unchanged. */
export const readAnything: Reader<unknown> = parsed;

/** Accepts true and false. */
export function readBoolean(value: unknown): Parsed<boolean> {
  return typeof value === "boolean"
    ? parsed(value)
    : refused("bad_message", "must be true or false");
}

/** Returns a reader that accepts a string of `minLength` (default 1) to `maxLength` characters. */
export function textOf(maxLength: number, minLength = 1): Reader<string> {
  return (value) =>
    typeof value === "string" && value.length >= minLength && value.length <= maxLength
      ? parsed(value)
      : refused("bad_message", `must be a string of ${minLength} to ${maxLength} characters`);
}

/** Returns true when no surrogate of a text lacks its other half. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/**
 * Returns a reader that accepts a string of 1 to `maxLength` characters that can identify something. Half of a
 * surrogate pair has no UTF-8, so texts that differ only in such halves would be the same key in a store.
 */
export function identifierOf(maxLength: number): Reader<string> {
  const read = textOf(maxLength);
  return (value) => {
    const text = read(value);
    if (!text.ok || isWellFormed(text.value)) return text;
    return refused(
      "bad_message",
      "must be well-formed Unicode; it has half of a surrogate pair, as cutting an emoji leaves behind",
    );
  };
}

/** Returns a reader that accepts an integer from `min` to `max`. */
export function integerIn(min: number, max: number): Reader<number> {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? parsed(value)
      : refused("bad_message", `must be an integer from ${min} to ${max}`);
}

/** Returns a reader that accepts a finite number from `min` to `max`. */
export function numberIn(min: number, max: number): Reader<number> {
  return (value) =>
    typeof value === "number" && value >= min && value <= max
      ? parsed(value)
      : refused("bad_message", `must be a number from ${min} to ${max}`);
}

/** Returns a reader that accepts one of the strings in `choices`. */
export function oneOf<const T extends string>(choices: readonly T[]): Reader<T> {
  return (value) =>
    choices.includes(value as T)
      ? parsed(value as T)
      : refused(
          "bad_message",
          `must be one of ${choices.map((choice) => `"${choice}"`).join(", ")}`,
        );
}

/**
 * Returns a reader that accepts a list of `min` to `max` items, each of which `reader` accepts. A refusal names
 * the index of the wrong item.
 */
export function listOf<T>(reader: Reader<T>, min: number, max: number): Reader<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value) || value.length < min || value.length > max) {
      return refused("bad_message", `must be a list of ${min} to ${max} items`);
    }
    const items: T[] = [];
    for (let i = 0; i < value.length; i++) {
      const item = reader(value[i]);
      if (!item.ok) {
        const { code, message } = item.failure;
        return refused(code, code === "bad_message" ? within(`[${i}]`, message) : message);
      }
      items.push(item.value);
    }
    return parsed(items);
  };
}

/** Returns a reader that accepts an object and parses it with `read`. A refusal names the wrong field. */
export function objectOf<T>(read: (fields: Fields) => T): Reader<T> {
  return (value) => {
    if (!isRecord(value)) return refused("bad_message", "must be an object");
    const fields = new Fields(value, ".");
    const object = read(fields);
    return fields.refusal === undefined ? parsed(object) : { ok: false, failure: fields.refusal };
  };
}

/** Deletes those fields of `fields` that are undefined. Changes and returns the same object. */
export function compact<T extends object>(fields: T): Compact<T> {
  for (const key of Object.keys(fields) as (keyof T)[]) {
    if (fields[key] === undefined) delete fields[key];
  }
  return fields as Compact<T>;
}

type Optional<T> = {
  [K in keyof T]: undefined extends T[K] ? (unknown extends T[K] ? never : K) : never;
}[keyof T];

/** `T` with the fields that may be undefined made optional instead. */
export type Compact<T> = Omit<T, Optional<T>> & {
  [K in Optional<T>]?: Exclude<T[K], undefined>;
};
