import { findLoss, MilepostError, type Parsed, parseJson, refused } from "@milepost/protocol";
import type { z } from "zod";
import { describeIssue } from "./schema-issue.ts";

/**
 * Validates a value with a schema. A value that does not fit is refused as `bad_message`, and the message names
 * the field.
 */
export function readAs<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  const outcome = schema.safeParse(value);
  if (outcome.success) return { ok: true, value: outcome.data };
  const [issue] = outcome.error.issues;
  return refused(
    "bad_message",
    issue === undefined ? "the value is not valid" : describeIssue(issue, value, "the body"),
  );
}

/** Parses JSON text and validates it with a schema. */
export function readJsonAs<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  const json = parseJson(text);
  return json.ok ? readAs(schema, json.value) : json;
}

/**
 * Parses JSON text that the gateway looks into, and validates it with a schema. A text that JavaScript would change
 * is refused as `bad_message`, and the message names the place and the value.
 */
export function readExactJsonAs<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  const value = readJsonAs(schema, text);
  const loss = value.ok ? findLoss(text, "") : undefined;
  return loss === undefined ? value : refused("bad_message", loss.replace(/^\./, ""));
}

/** Returns the value of an outcome; throws its failure as a `MilepostError`. */
export function accepted<T>(outcome: Parsed<T>): T {
  if (outcome.ok) return outcome.value;
  throw MilepostError.from(outcome.failure);
}
