import { Fields, isRecord, MilepostError, type Parsed, parsed, refused } from "@milepost/protocol";

/**
 * Parses an object that came from outside the gateway, field by field. A refusal has the code `bad_message` and
 * names the field.
 */
export function readInput<T>(value: unknown, read: (fields: Fields) => T): Parsed<T> {
  if (!isRecord(value)) return refused("bad_message", "the input must be an object");
  const fields = new Fields(value);
  const input = read(fields);
  return fields.refusal === undefined ? parsed(input) : { ok: false, failure: fields.refusal };
}

/** Returns the value that a parser read, or throws its failure as a `MilepostError`. */
export function orThrow<T>(outcome: Parsed<T>): T {
  if (outcome.ok) return outcome.value;
  throw MilepostError.from(outcome.failure);
}
