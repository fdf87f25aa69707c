import { type Failure, failure, type Parsed, parsed, refused } from "./failure.ts";
import { isRecord } from "./json.ts";

/**
 * Parses one value. A refusal with `bad_message` says what the value must be, without the name of its field.
 */
export type Reader<T> = (value: unknown) => Parsed<T>;

/**
 * Reads the fields of one object from outside, one by one.
 *
 * Only own fields count. `refusal` keeps the first refusal, and its message names the field. A refused field is
 * returned with the right type but without a usable value; the object as a whole must then be refused.
 */
export class Fields {
  readonly record: Record<string, unknown>;
  refusal: Failure | undefined;
  readonly #path: string;

  /** Reads `record`. Messages put `path` before the names of fields, for instance `steps[2].`. */
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
   * Returns the value of an optional field, or undefined if it is absent or undefined. Null counts as a value.
   */
  optional<T>(name: string, reader: Reader<T>): T | undefined {
    const absent = !Object.hasOwn(this.record, name) || this.record[name] === undefined;
    return absent ? undefined : this.#take(name, reader);
  }

  /** Refuses the object as a whole, unless it is already refused. */
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

/** Puts a field's name before a message about the field or about a value inside it. */
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

/** Accepts a string of `minLength` (default 1) to `maxLength` characters. */
export function textOf(maxLength: number, minLength = 1): Reader<string> {
  return (value) =>
    typeof value === "string" && value.length >= minLength && value.length <= maxLength
      ? parsed(value)
      : refused("bad_message", `must be a string of ${minLength} to ${maxLength} characters`);
}

/** Accepts an integer from `min` to `max`. */
export function integerIn(min: number, max: number): Reader<number> {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? parsed(value)
      : refused("bad_message", `must be an integer from ${min} to ${max}`);
}

/** Accepts a finite number from `min` to `max`. */
export function numberIn(min: number, max: number): Reader<number> {
  return (value) =>
    typeof value === "number" && value >= min && value <= max
      ? parsed(value)
      : refused("bad_message", `must be a number from ${min} to ${max}`);
}

/** Accepts one of the given strings. */
export function oneOf<const T extends string>(choices: readonly T[]): Reader<T> {
  return (value) =>
    choices.includes(value as T)
      ? parsed(value as T)
      : refused(
          "bad_message",
          `must be one of ${choices.map((choice) => `"${choice}"`).join(", ")}`,
        );
}

/** Accepts a list of `min` to `max` items, each read by `reader`. A refusal names the item by its index. */
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

/** Accepts an object whose fields `read` reads. A refusal names the field. */
export function objectOf<T>(read: (fields: Fields) => T): Reader<T> {
  return (value) => {
    if (!isRecord(value)) return refused("bad_message", "must be an object");
    const fields = new Fields(value, ".");
    const object = read(fields);
    return fields.refusal === undefined ? parsed(object) : { ok: false, failure: fields.refusal };
  };
}

/** Deletes the undefined fields of `fields`, and returns `fields` itself. */
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
