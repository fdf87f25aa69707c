import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const id = /\[(P-[A-Z]+-\d+)\]/g;

const protocol = readFileSync(`${root}docs/protocol.md`, "utf8");
const rules = [...protocol.matchAll(/^- \[(P-[A-Z]+-\d+)\]/gm)].map((match) => match[1] ?? "");

/** Which test files name each rule, comments not counted. */
const provenIn = new Map<string, string[]>();
for (const place of ["packages", "examples", "bench", "e2e"]) {
  for (const file of testFiles(`${root}${place}`)) {
    const code = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line));
    for (const [, rule = ""] of code.join("\n").matchAll(id)) {
      provenIn.set(rule, [...(provenIn.get(rule) ?? []), file.slice(root.length)]);
    }
  }
}

describe("the rules of docs/protocol.md", () => {
  it("have an id each", () => {
    expect(rules.length).toBeGreaterThan(50);
    expect(rules.filter((rule, i) => rules.indexOf(rule) !== i)).toEqual([]);
  });

  it("are each named by the title of a test that proves it", () => {
    expect(rules.filter((rule) => !provenIn.has(rule))).toEqual([]);
  });

  it("include every rule that a test or another rule names", () => {
    const named = [...protocol.matchAll(id)].map((match) => match[1] ?? "");
    const unknown = [...provenIn.keys(), ...named].filter((rule) => !rules.includes(rule));
    expect(unknown.map((rule) => [rule, provenIn.get(rule) ?? "docs/protocol.md"])).toEqual([]);
  });
});

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry: Dirent) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return /\.test\.tsx?$/.test(entry.name) ? [path] : [];
    return entry.name === "node_modules" || entry.name === "dist" ? [] : testFiles(path);
  });
}
