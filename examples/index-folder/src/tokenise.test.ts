import fc from "fast-check";
import { expect, test } from "vitest";
import { tokenise } from "./tokenise.ts";

function terms(text: string): string[] {
  return [...tokenise(text)].map(({ term }) => term);
}

test("tokenise finds words in any script, in lower case, and leaves out single characters", () => {
  expect(terms("The quick, brown Füchse über 12 Straßen: поиск 検索 a b c")).toEqual([
    "the",
    "quick",
    "brown",
    "füchse",
    "über",
    "12",
    "straßen",
    "поиск",
    "検索",
  ]);
});

test("tokenise yields the parts of a composed name besides the whole name", () => {
  expect(terms("readFileSync")).toEqual(["readfilesync", "read", "file", "sync"]);
  expect(terms("max_body_bytes")).toEqual(["max_body_bytes", "max", "body", "bytes"]);
  expect(terms("parseHTTPUrl")).toEqual(["parsehttpurl", "parse", "http", "url"]);
});

test("tokenise leaves out words that are too long to be searched for", () => {
  expect(terms(`${"x".repeat(65)} fine`)).toEqual(["fine"]);
});

test("every word that tokenise yields stands at its stated place, for any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
      for (const { term, start, end } of tokenise(text)) {
        expect(text.slice(start, end).toLowerCase()).toBe(term);
      }
    }),
  );
});
