import type { SchemaOutcome, StandardSchema } from "@milepost/protocol";

/** Returns a schema that checks a value as the field `name` of a request: what it refuses is named `name.path`. */
export function atField(name: string, schema: StandardSchema): StandardSchema {
  const placed = (outcome: SchemaOutcome<unknown>): SchemaOutcome<unknown> =>
    outcome.issues === undefined
      ? outcome
      : {
          issues: outcome.issues.map((issue) => ({
            ...issue,
            path: [name, ...(issue.path ?? [])],
          })),
        };
  return {
    "~standard": {
      ...schema["~standard"],
      validate: (value) => {
        const outcome = schema["~standard"].validate(value);
        return outcome instanceof Promise ? outcome.then(placed) : placed(outcome);
      },
    },
  };
}
