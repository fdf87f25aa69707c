import { existsSync, statSync } from "node:fs";
import { dirname, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { documentPaths, documentText, pathOf } from "./testing/test-titles.ts";

const maxLineLength = 150;

/** Documents that still have longer lines. Empty this list as they are rewritten; add none. */
const documentsWithLongLines: readonly string[] = [
  "CONTRIBUTING.md",
  "README.md",
  "bench/README.md",
  "docs/adr/0001-a-cursor-holds-every-channel.md",
  "docs/adr/0003-frames-written-beside-ws.md",
  "docs/adr/0004-producers-pull-commands.md",
  "docs/adr/0005-the-feed-carries-whole-documents.md",
  "docs/adr/0006-what-is-not-there-says-so.md",
  "docs/adr/0007-operations-have-one-channel.md",
  "docs/adr/0008-addresses-and-credentials-of-the-first-start.md",
  "docs/adr/0009-offers-of-other-protocols-are-declined.md",
  "docs/adr/0010-a-publication-names-the-tag-before-it.md",
  "docs/adr/0011-reports-of-an-operation-merge-as-reports.md",
  "docs/adr/0012-events-of-a-stream-are-unnamed.md",
  "docs/adr/0013-a-roll-up-is-part-of-the-policy.md",
  "docs/adr/0014-the-end-is-an-entry-of-the-log.md",
  "docs/adr/0015-a-small-breaker-and-plain-http-to-backends.md",
  "docs/adr/0016-a-chat-has-a-state-of-its-own.md",
  "docs/adr/0017-a-contract-lies-beside-the-rules.md",
  "docs/adr/0018-a-refused-publish-leaves-the-order.md",
  "docs/adr/0019-a-summary-is-a-slow-reader-by-choice.md",
  "docs/adr/0020-acknowledged-delivery-is-pulled.md",
  "docs/adr/0021-chunks-belong-to-requests-and-cost-credit.md",
  "docs/adr/0022-presence-is-held-by-nodes.md",
  "docs/adr/0023-json-schema-by-ajv.md",
  "docs/adr/0024-every-channel-is-compared-at-every-sweep.md",
  "docs/adr/0025-our-own-msgpack.md",
  "docs/adr/0026-compressed-once.md",
  "docs/adr/0027-the-client-in-parts.md",
  "docs/adr/0028-how-a-log-lies-in-redis.md",
  "docs/adr/0029-a-cluster-is-a-link-to-each-master.md",
  "docs/adr/0030-workers-take-turns-and-leave-the-port-first.md",
  "docs/adr/0031-the-link-is-the-breaker.md",
  "docs/adr/0032-a-nodes-own-list-is-what-counts.md",
  "docs/adr/0033-recent-entries-are-proved-by-the-newest.md",
  "docs/adr/0034-what-the-store-did-is-told-from-outside.md",
  "docs/adr/0035-one-node-reads-a-stream-at-a-time.md",
  "docs/adr/0036-without-its-store-a-channel-goes-on-in-another-epoch.md",
  "docs/architecture.md",
  "docs/contract.md",
  "docs/delivery.md",
  "docs/journal.md",
  "docs/operations.md",
  "docs/requirements.md",
  "packages/model/README.md",
  "packages/producer/README.md",
  "packages/redis/README.md",
];

const documents = documentPaths().filter((path) => !path.endsWith("CHANGELOG.md"));

/** The lines of a document with the fenced blocks and generated tables emptied, so that line numbers stay. */
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

/** Links and images of a document that lead to something of this project. */
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

/** Why a link leads nowhere; undefined when it resolves. */
function faultOf(document: string, target: string): string | undefined {
  const [path = "", anchor] = decodeURIComponent(target).split("#");
  const linked = path === "" ? document : posix.normalize(posix.join(dirname(document), path));
  if (!existsSync(pathOf(linked))) return "no such file";
  if (anchor === undefined) return undefined;
  if (!linked.endsWith(".md") || !statSync(pathOf(linked)).isFile()) return undefined;
  return anchorsOf(linked).has(anchor) ? undefined : "no such heading";
}

describe("the documents of this repository", () => {
  test("are found", () => {
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

  test.each(documents.filter((path) => !documentsWithLongLines.includes(path)))(
    `%s has no line of prose over ${maxLineLength} characters`,
    (document) => {
      const long = proseOf(document).flatMap((line, i) =>
        line.length > maxLineLength ? [`${document}:${i + 1}: ${line.length} characters`] : [],
      );
      expect(long).toEqual([]);
    },
  );
});

describe("the index of the protocol", () => {
  test("links to every page under docs/protocol", () => {
    const linked = new Set(relativeLinks("docs/protocol.md").map(({ target }) => `docs/${target}`));
    const pages = documents.filter((path) => path.startsWith("docs/protocol/"));
    expect(pages.filter((page) => !linked.has(page))).toEqual([]);
  });
});
