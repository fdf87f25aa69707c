import { type Parsed, parsed, refused } from "./failure.ts";

/**
 * A schema of any library that follows the Standard Schema specification, version 1: zod, valibot, arktype
 * and others. Only what is needed of it is declared here.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaOutcome<Output> | Promise<SchemaOutcome<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value: the value to go on with, or what is wrong with it. */
export type SchemaOutcome<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What may be given to a schema. */
export type SchemaInput<Schema> = TypesOf<Schema>["input"];

/** What comes out of a schema: defaults filled in, unknown fields as the library treats them. */
export type SchemaOutput<Schema> = TypesOf<Schema>["output"];

type TypesOf<Schema> = Schema extends {
  readonly "~standard": { readonly types?: infer Types };
}
  ? NonNullable<Types> extends { readonly input: unknown; readonly output: unknown }
    ? NonNullable<Types>
    : { input: unknown; output: unknown }
  : { input: unknown; output: unknown };

/** A schema that takes anything for a `T`: a type without a check. */
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
 * The value as the schema gives it out, or `invalid_data` that names the places that are wrong.
 *
 * `root` stands for the value itself. The answer is a promise only where the schema's is. A schema that throws,
 * or rejects, throws here too.
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

/** Of how many issues is told, and how much: schemas may quote what they were given. */
const maxIssues = 5;
const maxTold = 500;

function asParsed<Output>(outcome: SchemaOutcome<Output>, root: string): Parsed<Output> {
  if (outcome.issues === undefined) return parsed(outcome.value);
  const told = outcome.issues.slice(0, maxIssues).map((issue) => describeIssue(issue, root));
  return refused("invalid_data", (told.join("; ") || `${root} is not valid`).slice(0, maxTold));
}

/** What is wrong and where, for one line: `items[2].name: must be text`; `root` stands for the value itself. */
export function describeIssue({ message, path = [] }: SchemaIssue, root: string): string {
  let place = "";
  for (const part of path) {
    const key = typeof part === "object" ? part.key : part;
    if (typeof key === "number") place += `[${key}]`;
    else place += place === "" ? String(key) : `.${String(key)}`;
  }
  return `${place === "" ? root : place}: ${message}`;
}
