import { parseOperationEvent } from "@milepost/model";
import { cutText, findUncarried, isNestedDeeper, isRecord, maxJsonDepth } from "@milepost/protocol";

/** Repair of one field of a report: the fault, and what became of the field. */
export interface Complaint {
  readonly field: string;
  readonly message: string;
}

/** Tells what is wrong with the field that is being repaired; the text continues the field's name. */
export type Complain = (what: string) => void;

/** Returns a value that the gateway takes in place of the given one; undefined to leave the field out. */
export type Repair = (value: unknown, complain: Complain) => unknown;

/** Repairs of the fields of an object, by name. Other fields are left out without a complaint. */
export type Repairs = Readonly<Record<string, Repair>>;

/** Stands for a field whose getter threw. No repair takes it. */
export const unreadable = Symbol("a field that cannot be read");

/** Returns one field of an object that may be anything; `unreadable` if reading it throws. */
export function fieldOf(source: unknown, name: string): unknown {
  try {
    return (source as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return unreadable;
  }
}

/**
 * Returns the fields of `source` that have a repair, repaired. Never throws: a field that cannot be read, or
 * whose repair throws, is left out with a complaint. The result shares no object with `source`.
 */
export function repairFields(
  source: unknown,
  repairs: Repairs,
  complaints: Complaint[],
): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, repair] of Object.entries(repairs)) {
    const value = fieldOf(source, name);
    if (value === undefined) continue;
    const complain = (what: string) => complaints.push({ field: name, message: `${name} ${what}` });
    let repaired: unknown;
    try {
      if (value === unreadable) complain("cannot be read and was left out");
      else repaired = repair(value, complain);
    } catch {
      complain("cannot be read and was left out");
    }
    if (repaired !== undefined) kept[name] = repaired;
  }
  return kept;
}

/** Repairs a text: other values become text, and a text that is too long is cut. */
export function text(maxLength: number): Repair {
  return (value, complain) => {
    if (value === null) return undefined;
    const whole = typeof value === "string" ? value : String(value);
    if (whole.length <= maxLength) return whole;
    complain(`is longer than ${maxLength} characters and was cut`);
    return `${cutText(whole, maxLength - 1)}…`;
  };
}

/**
 * Repairs an id: a text that is not empty. One that is too long is cut, always in the same way, so that all
 * reports with this id still belong together.
 */
export function id(maxLength: number): Repair {
  return (value, complain) => {
    if ((typeof value !== "string" && typeof value !== "number") || value === "") {
      complain("is not a text and was left out");
      return undefined;
    }
    const whole = String(value);
    if (whole.length > maxLength) complain(`is longer than ${maxLength} characters and was cut`);
    return cutText(whole, maxLength);
  };
}

/** Keeps a number within bounds; leaves any other value out. */
export function numberWithin(min: number, max: number): Repair {
  return (value, complain) => {
    if (typeof value === "number" && value >= min && value <= max) return value;
    complain(`is not a number from ${min} to ${max} and was left out`);
    return undefined;
  };
}

/** Keeps a whole number within bounds, rounding down; leaves any other value out. */
export function wholeWithin(min: number, max: number): Repair {
  const within = numberWithin(min, max);
  return (value, complain) =>
    within(typeof value === "number" ? Math.floor(value) : value, complain);
}

/** Clamps a percentage to 0–100; leaves out what is not a finite number. */
export const percentage: Repair = (value, complain) => {
  if (typeof value === "number" && Number.isFinite(value)) return Math.min(100, Math.max(0, value));
  complain("is not a finite number and was left out");
  return undefined;
};

/** Keeps one of these values; leaves any other out. */
export function oneOf(values: readonly unknown[]): Repair {
  return (value, complain) => {
    if (values.includes(value)) return value;
    complain(`is none of ${values.map(String).join(", ")} and was left out`);
    return undefined;
  };
}

/** Repairs each item of a list; leaves out those that cannot be repaired, and those beyond `maxItems`. */
export function listOf(item: Repair, maxItems: number): Repair {
  return (value, complain) => {
    if (!Array.isArray(value)) {
      complain("is not a list and was left out");
      return undefined;
    }
    if (value.length > maxItems) complain(`has more than ${maxItems} items and was cut`);
    const kept: unknown[] = [];
    for (let at = 0; at < Math.min(value.length, maxItems); at++) {
      const repaired = repairItem(value, at, item, complain);
      if (repaired !== undefined) kept.push(repaired);
    }
    return kept;
  };
}

function repairItem(list: readonly unknown[], at: number, item: Repair, complain: Complain) {
  try {
    return item(list[at], (what) => complain(`[${at}] ${what}`));
  } catch {
    complain(`[${at}] cannot be read and was left out`);
    return undefined;
  }
}

/**
 * Maximum depth of a payload. A request and the state of an operation put up to four levels around it, and both
 * must stay within the depth of JSON that is read.
 */
const maxPayloadDepth = maxJsonDepth - 4;

/**
 * Returns the JSON form of a value. Leaves out a value that has none, is longer than `maxLength` characters of
 * JSON, or is nested too deep. Complains of the first part that JSON cannot carry, such as NaN or a Map; the rest
 * is kept.
 */
export function payload(maxLength: number): Repair {
  return (value, complain) => {
    let json: string | undefined;
    try {
      json = JSON.stringify(value);
    } catch {
      json = undefined;
    }
    if (json === undefined) complain("cannot be written as JSON and was left out");
    else if (json.length > maxLength)
      complain(`is longer than ${maxLength} characters of JSON and was left out`);
    else if (isNestedDeeper(json, maxPayloadDepth))
      complain(`is nested deeper than ${maxPayloadDepth} levels and was left out`);
    else {
      // What is lost becomes null or {}.
      const lost = /null|\{\}/.test(json) ? findUncarried(value, "") : undefined;
      if (lost !== undefined) complain(`${lost.trimStart()}; it arrives as null or {}`);
      return JSON.parse(json) as unknown;
    }
    return undefined;
  };
}

/** Repairs the fields of an object; leaves it out unless it has the required ones. */
export function objectOf(repairs: Repairs, required: readonly string[]): Repair {
  return (value, complain) => {
    if (!isRecord(value)) {
      complain("is not an object and was left out");
      return undefined;
    }
    const complaints: Complaint[] = [];
    const kept = repairFields(value, repairs, complaints);
    for (const { message } of complaints) complain(`.${message}`);
    const missing = required.find((name) => kept[name] === undefined);
    if (missing === undefined) return kept;
    complain(`has no ${missing} and was left out`);
    return undefined;
  };
}

/** Keeps a name that may be a segment of a channel name; leaves any other out. */
export function segment(
  field: "operation_id" | "session_id" | "user_id" | "collection_id" | "belongs_to" | "parent",
): Repair {
  return (value, complain) => {
    const event = { operation_id: "a", kind: "a", [field]: value };
    const read = parseOperationEvent("created", event);
    if (read.ok && value !== null) return value;
    complain(`${read.ok ? "is null" : read.failure.message.replace(/^\S+ /, "")}; it was left out`);
    return undefined;
  };
}
