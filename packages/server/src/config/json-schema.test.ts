import { readWith } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { compileJsonSchema } from "./json-schema.ts";

function verdict(schema: unknown, value: unknown): true | string {
  const read = readWith(compileJsonSchema(schema), value, "data");
  if (read instanceof Promise) throw new Error("it answers later");
  return read.ok || read.failure.message;
}

const tree = {
  $ref: "#/$defs/tree",
  $defs: {
    tree: {
      type: "object",
      properties: { kids: { type: "array", items: { $ref: "#/$defs/tree" } } },
      required: ["n"],
    },
  },
};

describe("compiled JSON Schemas", () => {
  it.each([
    [{ properties: { a: { type: "string" } } }, [5, {}, { a: "x" }], [{ a: 1 }]],
    [{ minLength: 3 }, [5, "abc"], ["ab"]],
    [{ required: ["a"] }, ["x", { a: 1 }], [{}]],
    [{ type: ["string", "null"], maxLength: 2 }, [null, "ab"], ["abc", 1]],
    [{ type: "object", additionalProperties: false }, [{}], [JSON.parse('{"__proto__":1}')]],
    [{ required: ["toString"] }, [{ toString: 1 }], [{}]],
    [{ enum: ["a", null, { x: 1 }] }, ["a", null, { x: 1 }], ["b", { x: 2 }]],
    [{ const: { x: [1] } }, [{ x: [1] }], [{ x: [2] }]],
    [{ oneOf: [{ type: "integer" }, { type: "number" }] }, [1.5], [1, "a"]],
    [{ not: { type: "string" } }, [1], ["a"]],
    [{ if: { type: "string" }, else: { type: "integer" } }, [1, "ab"], [1.5]],
    [{ dependentRequired: { a: ["b"] } }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
    [{ type: "string", maxLength: 1 }, ["😀"], ["ab"]],
    [{ type: "integer" }, [1, 1e20], [1.5]],
    [
      { type: "array", uniqueItems: true },
      [[1, 2]],
      [
        [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ],
      ],
    ],
    [
      { prefixItems: [{ type: "string" }], items: { type: "number" } },
      [["a", 1], []],
      [["a", "b"]],
    ],
    [{ unevaluatedProperties: false, properties: { a: true } }, [{ a: 1 }], [{ b: 1 }]],
    [tree, [{ n: 1, kids: [{ n: 2 }] }], [{ n: 1, kids: [{}] }]],
    [true, [1, {}], []],
    [false, [], [1, {}]],
  ])(
    "[P-RULE-3] the schema %j accepts and refuses values as the standard says",
    (schema, right, wrong) => {
      for (const value of right) expect(verdict(schema, value)).toBe(true);
      for (const value of wrong) expect(verdict(schema, value)).toBeTypeOf("string");
    },
  );

  it("[P-RULE-3] a failed validation names the path of the invalid value and what was expected there", () => {
    const item = { type: "object", properties: { "a/b~c": { enum: ["x", "y"] } } };
    const schema = {
      properties: { items: { type: "array", items: { ...item, additionalProperties: false } } },
      required: ["items"],
    };
    expect(verdict(schema, {})).toBe("data: must have required property 'items'");
    expect(verdict(schema, { items: [{}, { "a/b~c": "z" }] })).toBe(
      'items[1].a/b~c: must be equal to one of the allowed values: ["x","y"]',
    );
    expect(verdict(schema, { items: [{ more: 1 }] })).toBe(
      'items[0]: must NOT have additional properties: "more"',
    );
    expect(String(verdict(false, 1)).length).toBeLessThan(100);
    expect(
      verdict({ enum: Array.from({ length: 999 }, String) }, 1).toString().length,
    ).toBeLessThan(501);
  });

  it("[P-RULE-3] validation fills in no defaults, converts no types and leaves the value unchanged", () => {
    const schema = { properties: { n: { type: "number", default: 7 }, s: { type: "string" } } };
    const value = { s: "x" };
    expect(verdict(schema, value)).toBe(true);
    expect(value).toEqual({ s: "x" });
    expect(verdict(schema, { n: "7" })).toBeTypeOf("string");
  });

  it("a schema that names draft-07 is compiled as draft-07, and one that names draft-04 is refused", () => {
    const $schema = "http://json-schema.org/draft-07/schema#";
    const tuple = { items: [{ type: "string" }], additionalItems: false };
    expect(verdict({ $schema, ...tuple }, ["a", 1])).toBeTypeOf("string");
    expect(() => compileJsonSchema(tuple)).toThrow(/items/);
    const other = { $schema: "http://json-schema.org/draft-04/schema#", type: "string" };
    expect(() => compileJsonSchema(other)).toThrow(/draft-04/);
  });

  it.each([
    [{ propertys: {} }, /unknown keyword: "propertys"/],
    [{ type: "strnig" }, /type/],
    [{ $ref: "https://elsewhere.example/schema" }, /can't resolve reference/],
    [{ pattern: "(" }, /pattern|regular expression/i],
    [{ $async: true }, /\$async/],
    [7, /must be a JSON Schema/],
    [null, /must be a JSON Schema/],
  ])("compileJsonSchema refuses the invalid schema %j and says why", (schema, why) => {
    expect(() => compileJsonSchema(schema)).toThrow(why);
  });

  it.each([
    [{ pattern: "^(a+)+$" }, `${"a".repeat(29)}!`],
    [{ pattern: "^(a+)+$" }, `${"a".repeat(100_000)}!`],
    [{ patternProperties: { "^(a+)+$": { type: "number" } } }, { [`${"a".repeat(29)}!`]: "x" }],
    [{ propertyNames: { pattern: "^(a|a)*$" } }, { [`${"a".repeat(29)}!`]: 1 }],
    [{ uniqueItems: true }, Array.from({ length: 30_000 }, (_, n) => ({ n }))],
  ])("[P-RULE-3] the schema %j takes less than 200 ms for hostile data", (schema, value) => {
    const compiled = compileJsonSchema(schema);
    const begun = performance.now();
    readWith(compiled, value, "data");
    expect(performance.now() - begun).toBeLessThan(200);
  });

  it("[P-RULE-3] data whose patterns need too much work are refused with the reason", () => {
    const schema = { properties: { text: { pattern: "^[a-z]{1,50}$" } } };
    expect(verdict(schema, { text: "a".repeat(1_000_000) })).toMatch(/too long for the patterns/);
    expect(verdict(schema, { text: "abc" })).toBe(true);
  });

  it.each(["(?=a)b", "(a)\\1"])(
    "[P-RULE-3] compileJsonSchema refuses the pattern %s, which cannot be checked in linear time",
    (pattern) => {
      expect(() => compileJsonSchema({ pattern })).toThrow(/linear time/);
      expect(() => compileJsonSchema({ patternProperties: { [pattern]: true } })).toThrow(/linear/);
    },
  );

  it("a compiled schema serialises to its original JSON", () => {
    expect(JSON.stringify(compileJsonSchema({ type: "string" }))).toBe('{"type":"string"}');
  });
});
