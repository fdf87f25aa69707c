import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { documentText, pathOf } from "./testing/test-titles.ts";

/**
 * A row of docs/security.md. It has the form `- **ORI-1** (held) text`, followed by its tests in the form
 * "- `path`: “title”". Text and titles may span several lines.
 */
interface Row {
  readonly id: string;
  readonly state: string;
  readonly tests: readonly { readonly path: string; readonly title: string }[];
}

const page = documentText("docs/security.md").replaceAll(/\n {2,}(?!- )/g, " ");
const rows: readonly Row[] = [
  ...page.matchAll(/^- \*\*([A-Z]{3}-\d+)\*\* \(([^)]+)\) .+((?:\n {2}- .+)*)/gm),
].map(([, id = "", state = "", tests = ""]) => ({
  id,
  state,
  tests: [...tests.matchAll(/^ {2}- `([^`]+)`: “(.+)”$/gm)].map(([, path = "", title = ""]) => ({
    path,
    title,
  })),
}));

/** True if the test file contains the title as a string literal. */
function hasTitle(path: string, title: string): boolean {
  if (!existsSync(pathOf(path))) return false;
  const code = readFileSync(pathOf(path), "utf8");
  return ['"', "'", "`"].some((quote) => code.includes(`${quote}${title}${quote}`));
}

describe("docs/security.md", () => {
  it("every line of the security page is a row in the documented form", () => {
    const items = page.match(/^ *- .*$/gm) ?? [];
    const parsed = rows.length + rows.flatMap(({ tests }) => tests).length;
    expect(rows.length).toBeGreaterThan(50);
    expect(items).toHaveLength(parsed);
  });

  it("every test that the security page names exists under exactly that title", () => {
    const missing = rows.flatMap(({ id, tests }) =>
      tests
        .filter(({ path, title }) => !hasTitle(path, title))
        .map(({ path, title }) => `${id} ${path}: ${title}`),
    );
    expect(missing).toEqual([]);
  });

  it("a row that holds, in whole or in part, names a test, and one that does not hold yet names none", () => {
    const odd = rows.filter(({ state, tests }) => {
      if (state === "held" || /^part(: |$)/.test(state)) return tests.length === 0;
      return state !== "not yet" || tests.length > 0;
    });
    expect(odd.map(({ id, state }) => `${id} (${state})`)).toEqual([]);
  });

  it("the security page uses each id once, and numbers the rows of a section from 1", () => {
    const ids = rows.map(({ id }) => id);
    for (const section of new Set(ids.map((id) => id.slice(0, 3)))) {
      const found = ids.filter((id) => id.startsWith(section));
      expect(found).toEqual(found.map((_, at) => `${section}-${at + 1}`));
    }
  });

  it("the security page has no line of 150 characters or more", () => {
    const long = documentText("docs/security.md")
      .split("\n")
      .filter((line) => line.length >= 150);
    expect(long).toEqual([]);
  });
});
