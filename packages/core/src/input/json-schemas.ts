import { isRecord, MilepostError, readWith, type StandardSchema } from "@milepost/protocol";
import { atField } from "./field-schema.ts";

/** Compiles a JSON Schema; throws an Error that says what is wrong with it. */
export type CompileJsonSchema = (schema: unknown) => StandardSchema;

const maxRemembered = 200;
/** Largest number of subschemas, each counted as often as it is referred to. It bounds the time of a check. */
const maxParts = 1_000;
/** References that a bound on the number of parts cannot follow. */
const unbounded = ["$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"];

/**
 * JSON Schemas that come from outside while the node runs: of the answer to a question, and of the arguments of a
 * command. A schema is compiled once while it is remembered.
 */
export class JsonSchemas {
  readonly #compile: CompileJsonSchema | undefined;
  readonly #compiled = new Map<string, StandardSchema>();

  constructor(compile: CompileJsonSchema | undefined) {
    this.#compile = compile;
  }

  /** Throws `invalid_data` that names `name` if the schema is invalid, refers to itself or has too many parts. */
  require(schema: unknown, name: string): StandardSchema {
    const text = JSON.stringify(schema);
    const known = this.#compiled.get(text);
    if (known !== undefined) return known;
    if (this.#compile === undefined) {
      throw new MilepostError(
        "not_supported",
        "this gateway has no compiler for JSON Schemas; give it one with the option jsonSchema",
      );
    }
    try {
      requireBounded(schema);
      const compiled = this.#compile(schema);
      for (const oldest of this.#compiled.keys()) {
        if (this.#compiled.size < maxRemembered) break;
        this.#compiled.delete(oldest);
      }
      this.#compiled.set(text, compiled);
      return compiled;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new MilepostError("invalid_data", `${name}: ${why}`);
    }
  }

  /** Rejects with `invalid_data`, which names the path in `root`, if the value does not match the schema. */
  async check(schema: unknown, value: unknown, root: string): Promise<void> {
    const checked = await readWith(this.require(schema, "schema"), value, root);
    if (!checked.ok) throw MilepostError.from(checked.failure);
  }

  /** Rejects with `invalid_data`, which names the path from `field` on, if the value does not match the schema. */
  async checkField(schema: unknown, value: unknown, field: string): Promise<void> {
    const checked = await readWith(atField(field, this.require(schema, "schema")), value, field);
    if (!checked.ok) throw MilepostError.from(checked.failure);
  }
}

/**
 * Throws if a schema could take long to check a small value: if it refers to itself, or has too many parts once its
 * references are followed.
 */
function requireBounded(schema: unknown): void {
  const known = new Map<string, number>();
  const open = new Set<string>();

  function partsOf(part: unknown): number {
    if (typeof part !== "object" || part === null) return 0;
    let parts = 1;
    for (const [name, value] of Object.entries(part)) {
      if (name === "$ref" && typeof value === "string") parts += partsAt(value);
      else if (!Array.isArray(part) && unbounded.includes(name) && typeof value === "string") {
        throw new Error(`cannot use ${name}; refer to parts of the schema with "$ref": "#/…"`);
      } else if (name !== "$defs" && name !== "definitions") parts += partsOf(value);
      if (parts > maxParts) {
        throw new Error(`has more than ${maxParts} parts, references included; make it simpler`);
      }
    }
    return parts;
  }

  function partsAt(reference: string): number {
    const before = known.get(reference);
    if (before !== undefined) return before;
    if (!reference.startsWith("#")) throw new Error(`cannot refer to ${reference}, outside of it`);
    if (open.has(reference) || reference === "#") throw new Error("cannot refer to itself");
    open.add(reference);
    let at: unknown = schema;
    for (const step of reference.split("/").slice(1)) {
      const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      at = isRecord(at) || Array.isArray(at) ? Reflect.get(at, name) : undefined;
    }
    const parts = partsOf(at);
    open.delete(reference);
    known.set(reference, parts);
    return parts;
  }

  partsOf(schema);
}
