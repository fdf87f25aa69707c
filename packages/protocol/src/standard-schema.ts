import { cutText } from "./cut-text.ts";
import { type Parsed, parsed, refused } from "./failure.ts";

/**
 * A schema of any library that follows the Standard Schema specification, version 1: zod, valibot, arktype and
 * others. Only the parts that Milepost uses are declared here.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaOutcome<Output> | Promise<SchemaOutcome<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The verdict of a schema on a value: the value to use, or the issues found. */
export type SchemaOutcome<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One issue that a schema found in a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of values that a schema accepts. */
export type SchemaInput<Schema> = TypesOf<Schema>["input"];

/**
 * The type of values that a schema returns: defaults are filled in, and unknown fields are kept or dropped as
 * the library does.
 */
export type SchemaOutput<Schema> = TypesOf<Schema>["output"];

type TypesOf<Schema> = Schema extends {
  readonly "~standard": { readonly types?: infer Types };
}
  ? NonNullable<Types> extends { readonly input: unknown; readonly output: unknown }
    ? NonNullable<Types>
    : { input: unknown; output: unknown }
  : { input: unknown; output: unknown };

/** Returns a schema that accepts any value and gives it the type `T` without a check. */
export function unchecked<T = unknown>(): StandardSchema<T> {
  return {
    "~standard": {
      version: 1,
      vendor: "milepost",
      validate: (value) => ({ value: value as T }),
    },
  };
}

/**
 * Checks a value with a schema. Returns the output of the schema, or `invalid_data` with the paths of the wrong
 * values.
 *
 * The message calls the checked value `root`. Returns a promise if the schema is asynchronous. Throws or
 * rejects with the error of the schema if the schema throws or rejects.
 */
export function readWith<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  root: string,
): Parsed<Output> | Promise<Parsed<Output>> {
  const outcome = schema["~standard"].validate(value);
  return outcome instanceof Promise
    ? outcome.then((late) => asParsed(late, root))
    : asParsed(outcome, root);
}

/**
 * Maximum number of issues that an error message names. The message is also limited in length, because schemas
 * may quote the value.
 */
const maxIssues = 5;
const maxTold = 500;

function asParsed<Output>(outcome: SchemaOutcome<Output>, root: string): Parsed<Output> {
  if (outcome.issues === undefined) return parsed(outcome.value);
  const told = outcome.issues.slice(0, maxIssues).map((issue) => describeIssue(issue, root));
  return refused("invalid_data", cutText(told.join("; ") || `${root} is not valid`, maxTold));
}

/**
 * Formats an issue as one line with its path: `items[2].name: must be text`. `root` is the name of the checked
 * value itself.
 */
export function describeIssue({ message, path = [] }: SchemaIssue, root: string): string {
  let place = "";
  for (const part of path) {
    const key = typeof part === "object" ? part.key : part;
    if (typeof key === "number") place += `[${key}]`;
    else place += place === "" ? String(key) : `.${String(key)}`;
  }
  return `${place === "" ? root : place}: ${message}`;
}
