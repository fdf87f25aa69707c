import { describe, expect, it } from "vitest";
import { documentText, namedInTests } from "./testing/test-titles.ts";

const folders = ["packages", "examples", "bench", "checker", "e2e", "sim"];
const delivery = documentText("docs/delivery.md");

/** Every id of the specification; each is stated in docs/delivery.md, or said there to come with something else. */
const guarantees = Array.from({ length: 11 }, (_, i) => `G${i + 1}`);
const stated = [...delivery.matchAll(/^- \*\*(G\d+) /gm)].map((match) => match[1] ?? "");
const coming = [...delivery.matchAll(/^- (G\d+) .*: comes with /gm)].map((match) => match[1] ?? "");

const traps = [...delivery.matchAll(/^\| (TRAP-\d+) \|[^|]*\|([^|]*)\|$/gm)].map(
  ([, trap = "", state = ""]) => ({ trap, isHeld: state.trim() === "held" }),
);

describe("the guarantees of docs/delivery.md", () => {
  it("are all there are: stated, or coming with something that is named", () => {
    expect([...stated, ...coming].toSorted()).toEqual(guarantees.toSorted());
  });

  it("are each named by the title of a test that holds them", () => {
    const held = namedInTests(/\[(G\d+)\]/g, folders);
    expect(stated.filter((id) => !held.has(id))).toEqual([]);
    expect([...held.keys()].filter((id) => !guarantees.includes(id))).toEqual([]);
  });
});

describe("the known traps of docs/delivery.md", () => {
  it("are fifteen, in a row, each with its state", () => {
    expect(traps.map(({ trap }) => trap)).toEqual(
      Array.from({ length: 15 }, (_, i) => `TRAP-${i + 1}`),
    );
  });

  it("are each named by the title of a test that fails when the bug is put in", () => {
    const tested = namedInTests(/\[(TRAP-\d+)\]/g, folders);
    const untested = traps.filter(({ trap, isHeld }) => isHeld && !tested.has(trap));
    expect(untested).toEqual([]);
    // One that is tested is held: its row must say so.
    const unsaid = traps.filter(({ trap, isHeld }) => !isHeld && tested.has(trap));
    expect(unsaid).toEqual([]);
    const unknown = [...tested.keys()].filter((id) => !traps.some(({ trap }) => trap === id));
    expect(unknown).toEqual([]);
  });
});
