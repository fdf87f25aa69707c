import { Fields, isRecord, type StandardSchema } from "@milepost/protocol";

/**
 * Returns a schema, for a rule or a contract, of objects whose fields `read` checks. The schema returns its
 * input unchanged.
 */
export function schemaOfFields<T extends object>(
  read: (fields: Fields) => T,
): StandardSchema<unknown, T> {
  return {
    "~standard": {
      version: 1,
      vendor: "milepost",
      validate(value) {
        if (!isRecord(value)) return { issues: [{ message: "must be an object" }] };
        const fields = new Fields(value);
        read(fields);
        const { refusal } = fields;
        return refusal === undefined
          ? { value: value as T }
          : { issues: [{ message: refusal.message }] };
      },
    },
  };
}
