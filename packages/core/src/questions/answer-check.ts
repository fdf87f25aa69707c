import type { QuestionKind, QuestionOption } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { JsonSchemas } from "../input/json-schemas.ts";

/** Condition that an answer must fit: yes or no, one of the options, or a schema. */
export interface Answerable {
  readonly kind: QuestionKind;
  readonly options?: readonly QuestionOption[];
  readonly schema?: unknown;
}

/**
 * Rejects with `invalid_data` unless the value answers the question: true or false, the id of an option, or a value that
 * the schema accepts. Without a schema, an input is a text. Messages call the value `name`.
 */
export async function checkAnswer(
  { kind, options = [], schema }: Answerable,
  value: unknown,
  name: string,
  schemas: JsonSchemas,
): Promise<void> {
  switch (kind) {
    case "approve":
      if (typeof value !== "boolean") throw invalid(`${name}: must be true or false`);
      return;
    case "choose":
      if (!options.some(({ id }) => id === value)) {
        const ids = options.map(({ id }) => JSON.stringify(id)).join(", ");
        throw invalid(`${name}: must be one of ${ids}`);
      }
      return;
    case "input":
      if (schema !== undefined) await schemas.check(schema, value, name);
      else if (typeof value !== "string") throw invalid(`${name}: must be a text`);
  }
}

function invalid(message: string): MilepostError {
  return new MilepostError("invalid_data", message);
}
