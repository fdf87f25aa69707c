import { isRecord, type StandardSchema } from "@milepost/protocol";
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";

const options: Options = {
  // A misspelt keyword checks nothing: better not to start.
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  // By the standard a format informs; none is checked here.
  validateFormats: false,
  ownProperties: true,
  logger: false,
};

const maxQuoted = 200;

/**
 * The Standard Schema that does what a JSON Schema says, draft 2020-12 or, where its `$schema` names it, draft-07.
 *
 * It changes nothing of what it checks and ends at the first thing that is wrong. Throws an Error that says what the
 * schema itself has wrong: unknown keywords too, and references beyond it.
 */
export function compileJsonSchema(schema: unknown): StandardSchema {
  if (typeof schema !== "boolean" && !isRecord(schema)) throw new Error("must be a JSON Schema");
  const validate = compiled(schema);
  const standard = {
    version: 1,
    vendor: "json-schema",
    validate: (value: unknown) =>
      validate(value)
        ? { value }
        : { issues: (validate.errors ?? []).map((error) => issueOf(error, value)) },
  } as const;
  // Shown as it was written, wherever a configuration is shown.
  return { "~standard": { ...standard }, toJSON: () => schema } as StandardSchema;
}

function compiled(schema: boolean | Record<string, unknown>): ValidateFunction {
  const draft = isRecord(schema) ? schema.$schema : undefined;
  if (isRecord(schema) && schema.$async !== undefined) throw new Error("cannot be $async");
  const ajv = isDraft07(draft) ? new Ajv(options) : new Ajv2020(options);
  const validate = ajv.compile(schema);
  if (validate.errors) throw new Error("cannot be compiled");
  return validate;
}

function isDraft07(draft: unknown): boolean {
  return typeof draft === "string" && draft.includes("json-schema.org/draft-07/");
}

function issueOf({ instancePath, message = "is not valid", params }: ErrorObject, root: unknown) {
  const said = [params.additionalProperty, params.unevaluatedProperty, params.allowedValue];
  const values = params.allowedValues ?? said.find((value) => value !== undefined);
  const detail = values === undefined ? "" : `: ${JSON.stringify(values).slice(0, maxQuoted)}`;
  return { message: message + detail, path: pathOf(instancePath, root) };
}

/** The place a JSON Pointer names; items of arrays by their number. */
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
