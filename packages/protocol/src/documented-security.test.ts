import { describe, expect, it } from "vitest";
import { documentRows, misnumbered, missingTests } from "./testing/document-rows.ts";
import { documentText } from "./testing/test-titles.ts";

const { rows, others } = documentRows("docs/security.md");

describe("docs/security.md", () => {
  it("every line of the security page is a row in the documented form", () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(others).toBe(0);
  });

  it("every test that the security page names exists under exactly that title", () => {
    expect(missingTests(rows)).toEqual([]);
  });

  it("a row that holds, in whole or in part, names a test, and one that does not hold yet names none", () => {
    const odd = rows.filter(({ state, tests }) => {
      if (state === "held" || /^part(: |$)/.test(state)) return tests.length === 0;
      return state !== "not yet" || tests.length > 0;
    });
    expect(odd.map(({ id, state }) => `${id} (${state})`)).toEqual([]);
  });

  it("the security page uses each id once, and numbers the rows of a section from 1", () => {
    expect(misnumbered(rows)).toEqual([]);
  });

  it("the security page has no line of 150 characters or more", () => {
    const long = documentText("docs/security.md")
      .split("\n")
      .filter((line) => line.length >= 150);
    expect(long).toEqual([]);
  });
});
