import { existsSync, readFileSync } from "node:fs";
import { documentText, pathOf } from "./test-titles.ts";

/** A test that a row of a document names: the path of its file, and its title as the file has it. */
export interface NamedTest {
  readonly path: string;
  readonly title: string;
}

/**
 * A row of a document. It has the form `- **ORI-1** (held) text`, followed by its tests in the form
 * "- `path`: “title”". Text and titles may span several lines.
 */
export interface DocumentRow {
  readonly id: string;
  readonly state: string;
  readonly tests: readonly NamedTest[];
}

/** Reads the rows of a document, and the number of its list items that are neither a row nor a test of one. */
export function documentRows(path: string): { rows: readonly DocumentRow[]; others: number } {
  const page = documentText(path).replaceAll(/\n {2,}(?!- )/g, " ");
  const rows = [
    ...page.matchAll(/^- \*\*([A-Z]{3,6}-\d+)\*\* \(([^)]+)\) .+((?:\n {2}- .+)*)/gm),
  ].map(([, id = "", state = "", tests = ""]) => ({ id, state, tests: namedTests(tests) }));
  const items = page.match(/^ *- .*$/gm) ?? [];
  return { rows, others: items.length - rows.length - rows.flatMap(({ tests }) => tests).length };
}

function namedTests(lines: string): NamedTest[] {
  return [...lines.matchAll(/^ {2}- `([^`]+)`: “(.+)”$/gm)].map(([, path = "", title = ""]) => ({
    path,
    title,
  }));
}

/** Returns the tests named by rows that do not exist under exactly their title. */
export function missingTests(rows: readonly DocumentRow[]): string[] {
  return rows.flatMap(({ id, tests }) =>
    tests.filter((test) => !exists(test)).map(({ path, title }) => `${id} ${path}: ${title}`),
  );
}

/** Returns the ids of rows that do not count from 1, without a gap, within the rows of the same prefix. */
export function misnumbered(rows: readonly DocumentRow[]): string[] {
  const counts = new Map<string, number>();
  return rows
    .map(({ id }) => id)
    .filter((id) => {
      const prefix = id.slice(0, id.indexOf("-"));
      const count = (counts.get(prefix) ?? 0) + 1;
      counts.set(prefix, count);
      return id !== `${prefix}-${count}`;
    });
}

/** True if the test file contains the title as a string literal. */
function exists({ path, title }: NamedTest): boolean {
  if (!existsSync(pathOf(path))) return false;
  const code = readFileSync(pathOf(path), "utf8");
  return ['"', "'", "`"].some((quote) => code.includes(`${quote}${title}${quote}`));
}
