import fc from "fast-check";
import { expect, test } from "vitest";
import { InvertedIndex, linesKept, type Posting, tokeniseText } from "./inverted-index.ts";
import { rank } from "./ranking.ts";
import { snippetOf } from "./snippet.ts";

function indexOf(texts: Record<string, string>) {
  const index = new InvertedIndex();
  for (const [path, text] of Object.entries(texts)) index.add(path, tokeniseText(text));
  const postings = new Map<string, readonly Posting[]>(index.entries());
  const find = (...terms: string[]) =>
    rank(
      index.documents,
      terms.map((term) => postings.get(term) ?? []),
    ).map(({ document, line }) => `${index.documents[document]?.path}:${line}`);
  return { index, postings, find };
}

test("tokeniseText counts each word and keeps a bounded number of its lines", () => {
  const { index, postings } = indexOf({
    a: `milepost\nroad\nmilepost milepost${"\nroad".repeat(100)}`,
  });
  expect(postings.get("milepost")).toEqual([{ document: 0, count: 3, lines: [1, 3] }]);
  expect(postings.get("road")?.[0]?.count).toBe(101);
  expect(postings.get("road")?.[0]?.lines).toHaveLength(linesKept);
  expect(index).toMatchObject({ termCount: 2, postingCount: 2, tokenCount: 104 });
});

test("rank puts files with more of the words first, then files in which the words weigh more", () => {
  const { find } = indexOf({
    "long.md": `queue ${"filler ".repeat(500)}`,
    "short.md": "queue",
    "often.md": "queue queue queue",
    "both.md": `one\n${"filler ".repeat(900)}\nqueue\nline\nqueue line`,
    "none.md": "nothing",
  });
  expect(find("queue", "line")).toEqual(["both.md:5", "often.md:1", "short.md:1", "long.md:1"]);
  expect(find("absent")).toEqual([]);
  expect(find()).toEqual([]);
});

test("rank orders equal files by their paths", () => {
  const { find } = indexOf({ "b.md": "word", "a.md": "word" });
  expect(find("word")).toEqual(["a.md:1", "b.md:1"]);
});

test("every word of every text is found in its file, on a line that contains it", () => {
  const text = fc.array(fc.constantFrom("alpha", "beta", "gammaDelta", "\n"), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
      const files = Object.fromEntries(texts.map((words, i) => [`f${i}`, words.join(" ")]));
      const { find } = indexOf(files);
      for (const term of ["alpha", "beta", "gammadelta", "delta"]) {
        const found = find(term);
        const holding = Object.keys(files).filter((path) =>
          files[path]?.toLowerCase().includes(term),
        );
        expect(found.map((hit) => hit.split(":")[0]).sort()).toEqual(holding.sort());
        for (const hit of found) {
          const [path = "", line = ""] = hit.split(":");
          expect(files[path]?.split("\n")[Number(line) - 1]?.toLowerCase()).toContain(term);
        }
      }
    }),
  );
});

test("a snippet shows the marked word, even far into a long line", () => {
  const { snippet, highlights } = snippetOf(
    `${"x ".repeat(400)}needle${" y".repeat(400)}`,
    new Set(["needle"]),
  );
  expect(snippet.length).toBeLessThanOrEqual(202);
  const [[start, end] = [0, 0]] = highlights;
  expect(snippet.slice(start, end)).toBe("needle");
  expect(snippet.startsWith("…") && snippet.endsWith("…")).toBe(true);
});

test("highlights mark the words of the query, in bounds, ascending and without overlap, for any line", () => {
  const words = fc.constantFrom("readFile", "read", "file", "x", "…", "  ", "𝒳", "other", "-");
  fc.assert(
    fc.property(fc.array(words, { maxLength: 120 }), (parts) => {
      const { snippet, highlights } = snippetOf(parts.join(" "), new Set(["read", "readfile"]));
      let last = 0;
      for (const [start, end] of highlights) {
        expect(start).toBeGreaterThanOrEqual(last);
        expect(end).toBeLessThanOrEqual(snippet.length);
        expect(["read", "readfile"]).toContain(snippet.slice(start, end).toLowerCase());
        last = end;
      }
    }),
  );
});
