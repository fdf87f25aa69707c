import { createRequire } from "node:module";
import { cutText, isRecord, type StandardSchema } from "@milepost/protocol";
import type { ErrorObject, Options, ValidateFunction } from "ajv";
import { beginPatternWork, LinearPattern, PatternWorkError } from "./linear-pattern.ts";
import { hasDuplicates } from "./unique-items.ts";

/** Makes the regular expressions of `pattern` and `patternProperties`. The name serves only standalone code. */
const regExp = Object.assign((source: string) => new LinearPattern(source), {
  code: "new LinearPattern",
});

const options: Options = {
  // A misspelt keyword would check nothing, so an unknown keyword is an error at startup.
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  // By the standard, `format` is an annotation; formats are not checked.
  validateFormats: false,
  ownProperties: true,
  logger: false,
  code: { regExp },
};

const maxQuoted = 200;
const tooLong = {
  message: "is too long for the patterns of its schema; send shorter texts",
} as const;

/**
 * Compiles a JSON Schema into a Standard Schema: draft 2020-12, or draft-07 where its `$schema` names that.
 *
 * Validation changes no value and stops at the first failure. Throws an Error that says what is wrong with the
 * schema itself, which includes unknown keywords, references outside the schema and patterns that cannot be
 * checked in linear time. Data whose patterns need too much work are refused.
 */
export function compileJsonSchema(schema: unknown): StandardSchema {
  if (typeof schema !== "boolean" && !isRecord(schema)) throw new Error("must be a JSON Schema");
  const validate = compiled(schema);
  const standard = {
    version: 1,
    vendor: "json-schema",
    validate: (value: unknown) => {
      try {
        beginPatternWork();
        if (validate(value)) return { value };
      } catch (error) {
        if (error instanceof PatternWorkError) return { issues: [tooLong] };
        throw error;
      }
      return { issues: (validate.errors ?? []).map((error) => issueOf(error, value)) };
    },
  } as const;
  // A configuration that is shown as JSON shows the schema as it was written.
  return { "~standard": { ...standard }, toJSON: () => schema } as StandardSchema;
}

function compiled(schema: boolean | Record<string, unknown>): ValidateFunction {
  const draft = isRecord(schema) ? schema.$schema : undefined;
  if (isRecord(schema) && schema.$async !== undefined) throw new Error("cannot be $async");
  const { Ajv, Ajv2020 } = library();
  const ajv = isDraft07(draft) ? new Ajv(options) : new Ajv2020(options);
  // Ajv compares each item with every other one, which takes seconds for a list of a megabyte.
  ajv.removeKeyword("uniqueItems");
  ajv.addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    error: { message: "must NOT have duplicate items" },
    validate: (isOn: boolean, items: readonly unknown[]) => !isOn || !hasDuplicates(items),
  });
  const validate = ajv.compile(schema);
  if (validate.errors) throw new Error("cannot be compiled");
  return validate;
}

const require = createRequire(import.meta.url);

/** Loads the compiler. A deployment without JSON Schemas never does, and saves its memory. */
function library(): Pick<typeof import("ajv"), "Ajv"> & typeof import("ajv/dist/2020.js") {
  return { ...require("ajv/dist/2020.js"), ...require("ajv") };
}

function isDraft07(draft: unknown): boolean {
  return typeof draft === "string" && draft.includes("json-schema.org/draft-07/");
}

function issueOf({ instancePath, message = "is not valid", params }: ErrorObject, root: unknown) {
  const said = [params.additionalProperty, params.unevaluatedProperty, params.allowedValue];
  const values = params.allowedValues ?? said.find((value) => value !== undefined);
  const detail = values === undefined ? "" : `: ${cutText(JSON.stringify(values), maxQuoted)}`;
  return { message: message + detail, path: pathOf(instancePath, root) };
}

/** Converts a JSON Pointer to a path; array items are numbers. */
function pathOf(pointer: string, root: unknown): readonly PropertyKey[] {
  let value = root;
  return pointer
    .split("/")
    .slice(1)
    .map((part) => {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      const step = Array.isArray(value) ? Number(key) : key;
      value = isRecord(value) || Array.isArray(value) ? Reflect.get(value, step) : undefined;
      return step;
    });
}
