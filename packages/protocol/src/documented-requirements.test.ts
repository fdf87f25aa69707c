import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const text = readFileSync(`${root}/docs/requirements.md`, "utf8");

/** The requirements of docs/requirements.md, from table rows such as `| C1 | what | state |`. */
const rows = [...text.matchAll(/^\| ([A-Z]\d+) \|[^|]*\|([^|]*)\|$/gm)].map(
  ([, id = "", state = ""]) => ({ id, state: state.trim() }),
);

/**
 * The lists below the tables of docs/requirements.md. Each has the form `- **C1**`, followed by its code and
 * its tests. Both may span several lines.
 */
const lists = [
  ...text.matchAll(
    /^- \*\*([A-Z]\d+)\*\*\n {2}- code: (.*(?:\n {4}.*)*)\n {2}- test: (.*(?:\n {4}.*)*)/gm,
  ),
].map(([, id = "", code = "", tests = ""]) => ({ id, code: named(code), tests: named(tests) }));

function named(list: string): string[] {
  return [...list.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path);
}

describe("docs/requirements.md and the documents that name files", () => {
  test.each([
    "docs/requirements.md",
    "docs/architecture.md",
    "docs/journal.md",
    "CONTRIBUTING.md",
    "README.md",
  ])("%s names only files that exist", (document) => {
    const paths = [
      ...readFileSync(`${root}/${document}`, "utf8").matchAll(
        /`((?:packages|examples|e2e|bench|checker|docs|faults|scripts|sim)\/[^`*\s]+)`/g,
      ),
    ].map(([, path = ""]) => path);
    expect(paths.length).toBeGreaterThan(0);
    expect(paths.filter((path) => !existsSync(`${root}/${path}`))).toEqual([]);
  });

  test("the page of requirements names code and a test for every requirement whose state is not later", () => {
    const built = rows.filter(({ state }) => !state.startsWith("later")).map(({ id }) => id);
    expect(built.length).toBeGreaterThan(0);
    expect(lists.map(({ id }) => id).toSorted()).toEqual(built.toSorted());
    const bare = lists.filter(
      ({ code, tests }) =>
        code.length === 0 ||
        tests.length === 0 ||
        !tests.every((path) => /\.test(-d)?\.tsx?$/.test(path)),
    );
    expect(bare).toEqual([]);
  });

  test("the page of requirements gives every requirement one of the three states", () => {
    const odd = rows.filter(({ state }) => !/^(delivered|part|later)\b/.test(state));
    expect(odd).toEqual([]);
  });

  test("docs/requirements.md lists each requirement once", () => {
    const ids = rows.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
  });
});
