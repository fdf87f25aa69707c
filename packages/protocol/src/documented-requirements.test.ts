import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const text = readFileSync(`${root}/docs/requirements.md`, "utf8");
const rows = [...text.matchAll(/^\| ([A-Z]\d+) \|(.*)\|$/gm)].map(([, id = "", rest = ""]) => {
  const [, state = "", code = "", tests = ""] = rest.split("|").map((cell) => cell.trim());
  return { id, state, code, tests };
});

describe("docs/requirements.md", () => {
  test.each(["docs/requirements.md", "docs/architecture.md", "CONTRIBUTING.md", "README.md"])(
    "names files that exist, and so does %s",
    (document) => {
      const named = [
        ...readFileSync(`${root}/${document}`, "utf8").matchAll(
          /`((?:packages|examples|e2e|bench|docs|scripts)\/[^`]+)`/g,
        ),
      ];
      expect(named.length).toBeGreaterThan(0);
      const missing = named
        .map(([, path = ""]) => path)
        .filter((path) => !existsSync(`${root}/${path}`));
      expect(missing).toEqual([]);
    },
  );

  test("names code and a test for every requirement that is delivered", () => {
    const delivered = rows.filter(({ state }) => !state.startsWith("later"));
    expect(delivered.length).toBeGreaterThan(0);
    const bare = delivered.filter(({ code, tests }) => code === "" || !tests.includes(".test.ts"));
    expect(bare).toEqual([]);
  });

  test("names each requirement once", () => {
    const ids = rows.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
  });
});
