import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { documentRows, misnumbered, missingTests } from "./testing/document-rows.ts";
import { documentText, pathOf } from "./testing/test-titles.ts";

const { rows, others } = documentRows("docs/designs.md");
const decisions = readdirSync(pathOf("docs/adr"));

/** True if the state is one that docs/designs.md explains, and the tests of the row fit it. */
function fits(state: string, tests: number): boolean {
  if (state === "works" || state === "better" || /^part: /.test(state)) return tests > 0;
  if (state === "not yet") return tests === 0;
  const number = /^ADR (\d{1,4})$/.exec(state)?.[1]?.padStart(4, "0");
  return number !== undefined && decisions.some((name) => name.startsWith(`${number}-`));
}

describe("docs/designs.md", () => {
  it("every line of the page of designs is a row in the documented form", () => {
    expect(existsSync(pathOf("docs/designs.md"))).toBe(true);
    expect(rows.length).toBeGreaterThan(0);
    expect(others).toBe(0);
  });

  it("every test that the page of designs names exists under exactly that title", () => {
    expect(missingTests(rows)).toEqual([]);
  });

  it("a row that works, or works in part, names a test, and a row with a decision names one that exists", () => {
    const odd = rows.filter(({ state, tests }) => !fits(state, tests.length));
    expect(odd.map(({ id, state }) => `${id} (${state})`)).toEqual([]);
  });

  it("the page of designs uses each id once, and numbers the rows of a design from 1", () => {
    expect(misnumbered(rows)).toEqual([]);
  });

  it("the page of designs has no line of 150 characters or more", () => {
    const long = documentText("docs/designs.md")
      .split("\n")
      .filter((line) => line.length >= 150);
    expect(long).toEqual([]);
  });
});
