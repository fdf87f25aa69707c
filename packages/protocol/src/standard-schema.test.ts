import { describe, expect, it } from "vitest";
import { readWith, type SchemaOutcome, type StandardSchema, unchecked } from "./standard-schema.ts";

function schemaOf<T>(
  validate: (value: unknown) => SchemaOutcome<T> | Promise<SchemaOutcome<T>>,
): StandardSchema<T> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

describe("readWith", () => {
  it("[W10] readWith returns the output of the schema, not the input", () => {
    const trimmed = schemaOf((value) => ({ value: String(value).trim() }));
    expect(readWith(trimmed, " a ", "data")).toEqual({ ok: true, value: "a" });
  });

  it("[W10] readWith refuses a value with the path of each issue", () => {
    const issues = [
      { message: "must be a string", path: ["items", 2, { key: "name" }] },
      { message: "another" },
    ];
    const outcome = readWith(
      schemaOf(() => ({ issues })),
      {},
      "data",
    );
    expect(outcome).toMatchObject({
      ok: false,
      failure: {
        code: "invalid_data",
        retryable: false,
        message: "items[2].name: must be a string; data: another",
      },
    });
  });

  it("[W10] readWith returns a promise only if the schema is asynchronous", async () => {
    const late = schemaOf(async () => ({ issues: [{ message: "taken" }] }));
    const outcome = readWith(late, "x", "params");
    expect(outcome).toBeInstanceOf(Promise);
    expect(await outcome).toMatchObject({ failure: { message: "params: taken" } });
  });

  it("[W10] readWith shortens a schema's long error messages to 500 characters", () => {
    const long = schemaOf(() => ({ issues: [{ message: "x".repeat(10_000) }] }));
    const outcome = readWith(long, {}, "data");
    expect(outcome).toMatchObject({ failure: { message: expect.stringMatching(/^.{500}$/) } });
  });

  it("[W10] unchecked accepts any value", () => {
    expect(readWith(unchecked<string>(), 5, "data")).toEqual({ ok: true, value: 5 });
  });
});
