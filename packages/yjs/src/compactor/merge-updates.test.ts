import type { CompactedEntry } from "@milepost/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  applyUpdate,
  Doc,
  encodeStateAsUpdate,
  encodeStateVector,
  equalSnapshots,
  snapshot,
} from "yjs";
import { Pieces } from "../pieces.ts";
import { snapshotEvent, updateData, updateEvent } from "../update-text.ts";
import { mergeEntries, verify } from "./merge-updates.ts";

let ids = 0;
const newId = () => `id${++ids}`;

/** Edits of several people: who edits, what, where. They see each other's edits only now and then. */
const edits = fc.array(
  fc.record({
    by: fc.nat(2),
    kind: fc.constantFrom("insert", "delete", "set", "see"),
    at: fc.nat(50),
    text: fc.string({ minLength: 1, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 80 },
);

type Edits = typeof edits extends fc.Arbitrary<infer T> ? T : never;

/** Returns the log of a document that these edits make, one entry for each. */
function logOf(all: Edits): CompactedEntry[] {
  const log: CompactedEntry[] = [];
  const updates: Uint8Array[] = [];
  const docs = [0, 1, 2].map((n) => {
    const doc = new Doc();
    doc.clientID = n + 1;
    doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin === "remote") return;
      updates.push(update);
      for (const data of updateData(update, newId)) {
        log.push({ event: updateEvent, json: JSON.stringify(data) });
      }
    });
    return doc;
  });
  for (const { by, kind, at, text } of all) {
    const doc = docs[by] ?? new Doc();
    const shared = doc.getText("text");
    if (kind === "see") for (const update of updates) applyUpdate(doc, update, "remote");
    else if (kind === "insert") shared.insert(Math.min(at, shared.length), text);
    else if (kind === "set") doc.getMap("map").set(`key${at % 5}`, text);
    else if (shared.length > 0) {
      const from = at % shared.length;
      shared.delete(from, Math.min(text.length, shared.length - from));
    }
  }
  return log;
}

/** Returns the document that a reader of these entries has. */
function read(entries: readonly CompactedEntry[]): Doc {
  const doc = new Doc();
  const pieces = new Pieces();
  for (const { json } of entries) {
    const update = pieces.take(JSON.parse(json));
    if (update !== undefined) applyUpdate(doc, update);
  }
  return doc;
}

function compacted(entries: readonly CompactedEntry[]): CompactedEntry[] {
  return mergeEntries(entries, newId).map((json) => ({ event: snapshotEvent, json }));
}

function expectSame(one: Doc, other: Doc): void {
  expect(other.getText("text").toString()).toBe(one.getText("text").toString());
  expect(other.getMap("map").toJSON()).toEqual(one.getMap("map").toJSON());
  expect(encodeStateVector(other)).toEqual(encodeStateVector(one));
  expect(equalSnapshots(snapshot(one), snapshot(other))).toBe(true);
}

describe("the snapshot of a document", () => {
  test("a reader of the snapshot has the same document as a reader of every update", () => {
    fc.assert(
      fc.property(edits, (all) => {
        const log = logOf(all);
        expectSame(read(log), read(compacted(log)));
      }),
      { numRuns: 200 },
    );
  });

  test("compactions may follow each other, with updates before the result that it does not contain", () => {
    fc.assert(
      fc.property(edits, fc.nat(80), fc.nat(80), (all, first, second) => {
        const log = logOf(all);
        const [a, b] = [Math.min(first, second), Math.max(first, second)];
        const once = [...log.slice(a, b), ...compacted(log.slice(0, a))];
        const twice = [...compacted(once), ...log.slice(b)];
        expectSame(read(log), read(twice));
      }),
      { numRuns: 100 },
    );
  });

  test("a document of 10,000 updates becomes one entry", () => {
    const doc = new Doc();
    const log: CompactedEntry[] = [];
    doc.on("update", (update: Uint8Array) => {
      for (const data of updateData(update, newId)) {
        log.push({ event: updateEvent, json: JSON.stringify(data) });
      }
    });
    for (let n = 0; n < 10_000; n++) doc.getText("text").insert(n, "x");
    expect(log).toHaveLength(10_000);
    const short = compacted(log);
    expect(short).toHaveLength(1);
    expect(read(short).getText("text").length).toBe(10_000);
  });

  test("bytes that are no update are left out, as readers leave them out", () => {
    const doc = new Doc();
    doc.getText("text").insert(0, "kept");
    const bad = [{ update: "//8=" }, { update: "%" }, { other: 1 }, null, { update: "" }];
    const log = bad.map((data) => ({ event: updateEvent, json: JSON.stringify(data) }));
    const short = compacted(log);
    expect(read(short).getText("text").length).toBe(0);
    expect(short).toHaveLength(1);
  });

  test("an update that Yjs can read and not apply is left out, and the others are kept", () => {
    const doc = new Doc();
    const log: CompactedEntry[] = [];
    doc.on("update", (update: Uint8Array) => {
      for (const data of updateData(update, newId)) {
        log.push({ event: updateEvent, json: JSON.stringify(data) });
      }
    });
    // An item that refers to one of its own client that does not exist yet.
    const update = Buffer.from("01010100010001740361626300", "hex").toString("base64");
    log.push({ event: updateEvent, json: JSON.stringify({ update }) });
    doc.getText("text").insert(0, "kept");
    const short = compacted(log);
    expect(short).toHaveLength(1);
    expect(read(short).getText("text").toString()).toBe("kept");
  });

  test("a snapshot that lacks an edit or a deletion of the document is refused", () => {
    const doc = new Doc();
    const updates: Uint8Array[] = [];
    doc.on("update", (update: Uint8Array) => updates.push(update));
    doc.getText("text").insert(0, "one");
    const early = encodeStateAsUpdate(doc);
    doc.getText("text").insert(3, "two");
    const undeleted = encodeStateAsUpdate(doc);
    doc.getText("text").delete(0, 1);
    expect(() => verify(doc, encodeStateAsUpdate(doc), updates)).not.toThrow();
    for (const incomplete of [early, undeleted]) {
      expect(() => verify(doc, incomplete, updates)).toThrow("differs from its updates");
    }
  });

  test("a large update whose last piece comes after the compaction is complete afterwards", () => {
    const doc = new Doc();
    let log: CompactedEntry[] = [];
    doc.on("update", (update: Uint8Array) => {
      log = updateData(update, newId).map((data) => ({
        event: updateEvent,
        json: JSON.stringify(data),
      }));
    });
    doc.getText("text").insert(0, "x".repeat(500_000));
    expect(log.length).toBeGreaterThan(2);
    const short = [...compacted(compacted(log.slice(0, -1))), ...log.slice(-1)];
    expect(read(short).getText("text").length).toBe(500_000);
  });

  test("pieces whose update never becomes complete are dropped after some compactions", () => {
    const json = JSON.stringify({ update: "AAAA", id: "lost", piece: 0, pieces: 2 });
    let log: CompactedEntry[] = [{ event: updateEvent, json }];
    for (let n = 0; n < 16; n++) log = compacted(log);
    expect(log).toHaveLength(2);
    expect(compacted(log)).toHaveLength(1);
  });

  test("what is left of a compaction that ended early is dropped by the next one", () => {
    const doc = new Doc();
    doc.getText("text").insert(0, "x".repeat(500_000));
    const json = JSON.stringify({ update: "AAAA", id: "early", piece: 0, pieces: 3 });
    expect(compacted([{ event: snapshotEvent, json }])).toHaveLength(1);
  });

  test("updates that wait for an earlier one are part of the snapshot", () => {
    const log = logOf([
      { by: 0, kind: "insert", at: 0, text: "one" },
      { by: 0, kind: "insert", at: 3, text: "two" },
    ]);
    const late = [...compacted(log.slice(1)), ...log.slice(0, 1)];
    expect(read(late).getText("text").toString()).toBe("onetwo");
  });
});
