import { expect, it } from "vitest";
import { jsonFaultIn } from "./json-fault.ts";

it.each([
  ["", 1, 1],
  ["{", 1, 2],
  ['{"a": tru}', 1, 7],
  ['{\n  "a": 1,\n}', 3, 1],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3],
  ["{'a': 1}", 1, 2],
  ['["a\nb"]', 1, 2],
  ['["\\x"]', 1, 2],
  ["[1, 2", 1, 6],
  ["[01]", 1, 3],
  ["{} x", 1, 4],
  ["\ufeff{}", 1, 1],
])("jsonFaultIn finds that %j stops being JSON at line %i, column %i", (text, line, column) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(jsonFaultIn(text)).toEqual({ line, column });
});

it.each([
  " {} ",
  '\r\n[1, -0.5e+3, "\\u00e9\\n", true, false, null, {"a": [[]], "b": {"c": ""}}]\t',
  '"text"',
  "0",
])("jsonFaultIn finds no fault in the valid JSON %j", (text) => {
  JSON.parse(text);
  expect(jsonFaultIn(text)).toBeUndefined();
});
