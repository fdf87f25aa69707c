import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findLoss } from "./json-loss.ts";

describe("findLoss", () => {
  it.each([
    ["12345678901234567890", "data is 12345678901234567890, which the gateway cannot read"],
    ['{"order":{"ids":[1,9007199254740993]}}', "data.order.ids[1] is 9007199254740993,"],
    ['{"x":[],"y":1e400}', "data.y is 1e400,"],
    ["[1,-1e-400]", "data[1] is -1e-400,"],
    ["0.1234567890123456789", "data is 0.1234567890123456789,"],
    [`[{},${"9".repeat(5_000)}]`, `data[1] is ${"9".repeat(64)}…,`],
    ['{"a":{"b":1,"b":1}}', "data.a.b occurs twice; send each key once"],
    ['{"a":1,"c":{},"\\u0061":2}', "data.a occurs twice"],
    ['{"":1,"":2}', 'data[""] occurs twice'],
    ['{"a b":{"":[1e999]}}', 'data["a b"][""][0] is 1e999,'],
    ['[{"a":1,"b":[{"a":1}]},{"a":1,"a":1}]', "data[1].a occurs twice"],
    ['{ "a" : 1 , "b" : [ 1 , 1e999 ] }', "data.b[1] is 1e999,"],
    ['{"__proto__":1,"__proto__":2}', "data.__proto__ occurs twice"],
  ])("[P-DIA-8] findLoss names the place and the value in %s", (text, message) => {
    expect(findLoss(text, "data")?.startsWith(message), findLoss(text, "data")).toBe(true);
  });

  it.each([
    "0",
    "-0",
    "1.0",
    "1.50e3",
    "1e300",
    "1E+2",
    "0e999",
    "0.000000000000000000000",
    "9007199254740992",
    "9007199254740994",
    "100000000000000000000000",
    "0.1",
    "0.30000000000000004",
    "5e-324",
    "1.7976931348623157e308",
    "1234567890.123450",
    '"12345678901234567890"',
    '{"12345678901234567890":"1e400","a":"a"}',
    '{"":{"":{}},"a":{"":1}}',
    '[{"a":1},{"a":1}]',
    "[true,false,null,[],{}]",
  ])("findLoss finds nothing in %s, whose value JavaScript keeps", (text) => {
    expect(findLoss(text, "data")).toBeUndefined();
  });

  it("findLoss finds nothing in what JSON.stringify has written", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.double({ noNaN: true })), (value) => {
        const json = JSON.stringify(value);
        if (json !== "null") expect(findLoss(json, "data")).toBeUndefined();
      }),
    );
  });

  it("findLoss finds exactly the whole numbers that JavaScript writes with other digits", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (whole) => {
        const isKept = String(Number(whole)) === String(whole);
        expect(findLoss(`[${whole}]`, "data") === undefined).toBe(isKept);
      }),
    );
  });
});
