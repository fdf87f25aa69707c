import { type Failure, failure, type Parsed, parsed, refused } from "./failure.ts";
import { isRecord } from "./json.ts";

/** Reads one value; a refusal with `bad_message` says what it must be, without naming the field. */
export type Reader<T> = (value: unknown) => Parsed<T>;

/**
 * The fields of one object from outside, read one by one.
 *
 * Only own fields count. The first refusal is kept in `refusal`, and its message names the field; what is
 * read after it has the right type and is seen by nobody, since the object as a whole is refused.
 */
export class Fields {
  readonly record: Record<string, unknown>;
  refusal: Failure | undefined;
  readonly #path: string;

  /** `path` goes before the names of fields in messages, for instance `steps[2].`. */
  constructor(record: Record<string, unknown>, path = "") {
    this.record = record;
    this.#path = path;
  }

  /** The field, which must be there. */
  required<T>(name: string, reader: Reader<T>): T {
    if (Object.hasOwn(this.record, name)) return this.#take(name, reader);
    this.refuse(failure("bad_message", `${this.#path}${name} is missing`));
    return undefined as T;
  }

  /** The field, or undefined when it is absent or undefined; null is a value. */
  optional<T>(name: string, reader: Reader<T>): T | undefined {
    const absent = !Object.hasOwn(this.record, name) || this.record[name] === undefined;
    return absent ? undefined : this.#take(name, reader);
  }

  /** Refuses the object as a whole, if nothing has yet. */
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

/** A message about a field, or about something further inside it, with the field's name before it. */
function within(name: string, message: string): string {
  const inside = message.startsWith("[") || message.startsWith(".");
  return `${name}${inside ? "" : " "}${message}`;
}

/** Any value at all, as it is. */
export const readAnything: Reader<unknown> = parsed;

/** True or false. */
export function readBoolean(value: unknown): Parsed<boolean> {
  return typeof value === "boolean"
    ? parsed(value)
    : refused("bad_message", "must be true or false");
}

/** Text of `minLength` (default 1) to `maxLength` characters. */
export function textOf(maxLength: number, minLength = 1): Reader<string> {
  return (value) =>
    typeof value === "string" && value.length >= minLength && value.length <= maxLength
      ? parsed(value)
      : refused("bad_message", `must be a string of ${minLength} to ${maxLength} characters`);
}

/** A whole number from `min` to `max`. */
export function integerIn(min: number, max: number): Reader<number> {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? parsed(value)
      : refused("bad_message", `must be an integer from ${min} to ${max}`);
}

/** A finite number from `min` to `max`. */
export function numberIn(min: number, max: number): Reader<number> {
  return (value) =>
    typeof value === "number" && value >= min && value <= max
      ? parsed(value)
      : refused("bad_message", `must be a number from ${min} to ${max}`);
}

/** One of the given texts. */
export function oneOf<const T extends string>(choices: readonly T[]): Reader<T> {
  return (value) =>
    choices.includes(value as T)
      ? parsed(value as T)
      : refused(
          "bad_message",
          `must be one of ${choices.map((choice) => `"${choice}"`).join(", ")}`,
        );
}

/** A list of `min` to `max` items, each read by `reader`; a refusal names the item by its index. */
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

/** An object whose fields `read` takes; a refusal names the field within it. */
export function objectOf<T>(read: (fields: Fields) => T): Reader<T> {
  return (value) => {
    if (!isRecord(value)) return refused("bad_message", "must be an object");
    const fields = new Fields(value, ".");
    const object = read(fields);
    return fields.refusal === undefined ? parsed(object) : { ok: false, failure: fields.refusal };
  };
}

/** The object without the fields that are undefined; changes and returns `fields` itself. */
export function compact<T extends object>(fields: T): Compact<T> {
  for (const key of Object.keys(fields) as (keyof T)[]) {
    if (fields[key] === undefined) delete fields[key];
  }
  return fields as Compact<T>;
}

type Optional<T> = {
  [K in keyof T]: undefined extends T[K] ? (unknown extends T[K] ? never : K) : never;
}[keyof T];

/** `T` with the fields that may be undefined made optional. */
export type Compact<T> = Omit<T, Optional<T>> & {
  [K in Optional<T>]?: Exclude<T[K], undefined>;
};
