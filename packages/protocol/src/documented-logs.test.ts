import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { documentText } from "./testing/test-titles.ts";

const root = new URL("../../../", import.meta.url).pathname;
const call = /\b[#\w.]*(?:[lL]og|logLines)\??\.(?:info|warn|error|fatal|debug)\(/g;
/** Parts of a gateway that write to its log. */
const packages = ["core", "engine", "redis", "server", "sqlite", "yjs"];

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "testing" ? [] : filesOf(path);
    return path.endsWith(".ts") && !path.endsWith(".test.ts") ? [path] : [];
  });
}

/** Returns the text between the bracket that a call opens before `from` and the one that closes it. */
function argumentsFrom(text: string, from: number): string {
  let depth = 1;
  let at = from;
  while (depth > 0 && at < text.length) {
    const sign = text[at++] ?? "";
    if ("([{".includes(sign)) depth++;
    else if (")]}".includes(sign)) depth--;
  }
  return text.slice(from, at - 1);
}

const lines = packages
  .flatMap((name) => filesOf(join(root, "packages", name, "src")))
  .flatMap((path) => {
    const text = readFileSync(path, "utf8");
    return [...text.matchAll(call)].map((match) => {
      const given = argumentsFrom(text, match.index + match[0].length);
      return { path: path.slice(root.length), given };
    });
  });

/** Names of the events that the table of docs/protocol/logs.md lists. */
const documented = [...documentText("docs/protocol/logs.md").matchAll(/^\| `([^`]+)` \|/gm)].map(
  ([, name]) => name ?? "",
);

describe("the log of a gateway", () => {
  it("[P-LOG-1] every line that a gateway writes names its event", () => {
    expect(lines.length).toBeGreaterThan(40);
    const unnamed = lines.filter(({ given }) => !/\bevent: "[a-z_]+(?:\.[a-z_]+)?"/.test(given));
    // The log that collapses repeated lines writes lines of others again.
    expect(unnamed.map(({ path, given }) => `${path}: ${given.slice(0, 60)}`)).toEqual([]);
  });

  it("[P-LOG-2] docs/protocol/logs.md lists every event of the log, and no other", () => {
    const named = lines.flatMap(({ given }) => /\bevent: "([^"]+)"/.exec(given)?.[1] ?? []);
    expect(documented).toEqual([...new Set(documented)]);
    expect([...documented].sort()).toEqual([...new Set(named)].sort());
  });
});
