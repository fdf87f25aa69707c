import { type Parsed, parsed, refused } from "./failure.ts";

/**
 * A schema of any library that follows the Standard Schema specification, version 1: zod, valibot, arktype
 * and others. Only what is needed of it is declared here.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema made of a value: the value to go on with, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong with a value. */
export interface StandardIssue {
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
 * The value as the schema gives it out, or `invalid_data` with the path of the first thing that is wrong.
 *
 * `what` begins the path in the message: `data.items[2].name must be …`. The answer is a promise only where the
 * schema's is. A schema that throws, or rejects, throws here too.
 */
export function readWith<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
): Parsed<Output> | Promise<Parsed<Output>> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise
    ? result.then((late) => outcomeOf(late, what))
    : outcomeOf(result, what);
}

/** How much of an issue is told; schemas may quote what they were given. */
const maxTold = 300;

function outcomeOf<Output>(result: StandardResult<Output>, what: string): Parsed<Output> {
  if (result.issues === undefined) return parsed(result.value);
  const [issue] = result.issues;
  const more = result.issues.length > 1 ? ` (and ${result.issues.length - 1} more)` : "";
  const told = `${pathOf(what, issue?.path)}: ${issue?.message ?? "is not valid"}`;
  return refused("invalid_data", told.slice(0, maxTold) + more);
}

function pathOf(what: string, path: StandardIssue["path"] = []): string {
  return path.reduce<string>((text, part) => {
    const key = typeof part === "object" ? part.key : part;
    return typeof key === "number" ? `${text}[${key}]` : `${text}.${String(key)}`;
  }, what);
}
