import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const packages = readdirSync(`${root}/packages`).map((name) => `packages/${name}`);
const others = [
  "bench",
  "checker",
  "e2e",
  "examples/agents",
  "examples/dashboard",
  "examples/index-folder",
  "examples/studio",
  "faults",
  "fuzz",
  "sim",
];

/** Returns the names in the `src` folder of a package, without tests. Names of folders end with a slash. */
function contentsOf(folder: string): string[] {
  return readdirSync(`${root}/${folder}/src`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || !/\.test(-d)?\.tsx?$/.test(entry.name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
}

/**
 * Returns the entries of the section `## Files` of a README. Each entry is one line: "- `name`: what it holds".
 */
function mapOf(folder: string): { readonly name: string; readonly says: string }[] {
  const readme = readFileSync(`${root}/${folder}/README.md`, "utf8");
  const [, section = ""] = /^## Files\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readme) ?? [];
  return [...section.matchAll(/^- `([^`]+)`(.*)$/gm)].map(([, name = "", says = ""]) => ({
    name,
    says,
  }));
}

describe("the file map in the README of a package", () => {
  test.each([...packages, ...others])(
    "the README of %s names every file and folder of src exactly once",
    (folder) => {
      expect(existsSync(`${root}/${folder}/README.md`)).toBe(true);
      const map = mapOf(folder);
      expect(map.map(({ name }) => name).toSorted()).toEqual(contentsOf(folder).toSorted());
      expect(map.filter(({ says }) => !/^: \S/.test(says))).toEqual([]);
    },
  );
});
