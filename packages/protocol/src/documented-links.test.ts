import { existsSync, statSync } from "node:fs";
import { dirname, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { documentPaths, documentText, pathOf } from "./testing/test-titles.ts";

const maxLineLength = 150;

const documents = documentPaths().filter((path) => !path.endsWith("CHANGELOG.md"));

/**
 * Returns the lines of a document. Lines of fenced blocks and generated tables are empty, so that line numbers
 * stay correct.
 */
function proseOf(document: string): readonly string[] {
  let fence: string | undefined;
  let isGenerated = false;
  return documentText(document)
    .split("\n")
    .map((line) => {
      const [, mark] = /^\s*(`{3,}|~{3,})/.exec(line) ?? [];
      if (mark !== undefined && (fence === undefined || mark.startsWith(fence))) {
        fence = fence === undefined ? mark : undefined;
        return "";
      }
      if (fence !== undefined) return "";
      if (/^<!-- [a-z-]+:begin -->$/.test(line)) isGenerated = true;
      if (/^<!-- [a-z-]+:end -->$/.test(line)) isGenerated = false;
      return isGenerated ? "" : line;
    });
}

interface Link {
  readonly line: number;
  readonly target: string;
}

/** Returns the relative links and images of a document, which lead to files of this project. */
function relativeLinks(document: string): readonly Link[] {
  return proseOf(document).flatMap((text, i) =>
    [...text.replace(/`[^`]*`/g, "").matchAll(/\]\(([^()\s]+)\)|\b(?:src|srcset|href)="([^"]+)"/g)]
      .map(([, inText, inTag]) => ({ line: i + 1, target: inText ?? inTag ?? "" }))
      .filter(({ target }) => !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target)),
  );
}

/** The anchors of a document's headings, made as GitHub makes them. */
function anchorsOf(document: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of proseOf(document)) {
    const [, heading] = /^#{1,6}\s+(.+?)\s*#*$/.exec(line) ?? [];
    if (heading === undefined) continue;
    const base = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
      .replace(/\s/g, "-");
    let anchor = base;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${base}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Returns the reason why a link of a document is broken; undefined if the link resolves. */
function faultOf(document: string, target: string): string | undefined {
  const [path = "", anchor] = decodeURIComponent(target).split("#");
  const linked = path === "" ? document : posix.normalize(posix.join(dirname(document), path));
  if (!existsSync(pathOf(linked))) return "no such file";
  if (anchor === undefined) return undefined;
  if (!linked.endsWith(".md") || !statSync(pathOf(linked)).isFile()) return undefined;
  return anchorsOf(linked).has(anchor) ? undefined : "no such heading";
}

describe("the documents of this repository", () => {
  test("the search for documents finds README.md and docs/protocol.md", () => {
    expect(documents).toContain("README.md");
    expect(documents).toContain("docs/protocol.md");
  });

  test.each(documents)("%s links only to files and headings that exist", (document) => {
    const broken = relativeLinks(document).flatMap(({ line, target }) => {
      const fault = faultOf(document, target);
      return fault === undefined ? [] : [`${document}:${line}: ${target}: ${fault}`];
    });
    expect(broken).toEqual([]);
  });

  test.each(documents)(`%s has no line of prose over ${maxLineLength} characters`, (document) => {
    const long = proseOf(document).flatMap((line, i) =>
      line.length > maxLineLength ? [`${document}:${i + 1}: ${line.length} characters`] : [],
    );
    expect(long).toEqual([]);
  });
});

describe("the index of the protocol", () => {
  test("docs/protocol.md links to every page under docs/protocol", () => {
    const linked = new Set(relativeLinks("docs/protocol.md").map(({ target }) => `docs/${target}`));
    const pages = documents.filter((path) => path.startsWith("docs/protocol/"));
    expect(pages.filter((page) => !linked.has(page))).toEqual([]);
  });
});
