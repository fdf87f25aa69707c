import { describe, expect, it } from "vitest";
import { documentText, namedInTests } from "./testing/test-titles.ts";

const folders = ["packages", "examples", "bench", "checker", "e2e", "sim"];
const delivery = documentText("docs/delivery.md");

/**
 * Ids of all guarantees. docs/delivery.md either states a guarantee, or says with which later part of Milepost
 * it comes.
 */
const guarantees = Array.from({ length: 11 }, (_, i) => `G${i + 1}`);
const stated = [...delivery.matchAll(/^- \*\*(G\d+) /gm)].map((match) => match[1] ?? "");
const coming = [...delivery.matchAll(/^- (G\d+) .*: comes with /gm)].map((match) => match[1] ?? "");

const traps = [...delivery.matchAll(/^\| (TRAP-\d+) \|[^|]*\|([^|]*)\|$/gm)].map(
  ([, trap = "", state = ""]) => ({ trap, isHeld: state.trim() === "held" }),
);

describe("guarantees of docs/delivery.md", () => {
  it("docs/delivery.md states every guarantee, or says with which later part of Milepost it comes", () => {
    expect([...stated, ...coming].toSorted()).toEqual(guarantees.toSorted());
  });

  it("every guarantee that docs/delivery.md states is named in a test title", () => {
    const held = namedInTests(/\[(G\d+)\]/g, folders);
    expect(stated.filter((id) => !held.has(id))).toEqual([]);
    expect([...held.keys()].filter((id) => !guarantees.includes(id))).toEqual([]);
  });
});

describe("known traps of docs/delivery.md", () => {
  it("docs/delivery.md lists the fifteen known traps in order", () => {
    expect(traps.map(({ trap }) => trap)).toEqual(
      Array.from({ length: 15 }, (_, i) => `TRAP-${i + 1}`),
    );
  });

  it("every trap that docs/delivery.md marks as held is named in a test title", () => {
    const tested = namedInTests(/\[(TRAP-\d+)\]/g, folders);
    const untested = traps.filter(({ trap, isHeld }) => isHeld && !tested.has(trap));
    expect(untested).toEqual([]);
    // A trap with a test must be marked as held in the table.
    const unsaid = traps.filter(({ trap, isHeld }) => !isHeld && tested.has(trap));
    expect(unsaid).toEqual([]);
    const unknown = [...tested.keys()].filter((id) => !traps.some(({ trap }) => trap === id));
    expect(unknown).toEqual([]);
  });
});
