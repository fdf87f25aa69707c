import { expect, test } from "vitest";
import { DeliveredTags, minKnownTags } from "./delivered-tags.ts";

const at = (offset: number, tag = `t${offset}`) => ({ epoch: "e", offset, tag });

function upTo(last: number, first = 0): DeliveredTags {
  const known = new DeliveredTags([]);
  for (let offset = first; offset <= last; offset++) known.add(at(offset));
  return known;
}

/** Applies a change to saved runs, as an engine does. */
function saved(runs: Map<number, readonly string[]>, known: DeliveredTags) {
  const { tags, forgotten } = known.takeChange();
  for (const first of forgotten) runs.delete(first);
  for (const run of tags) runs.set(run.first, run.tags);
  return [...runs].sort(([a], [b]) => a - b).map(([first, own]) => ({ first, tags: own }));
}

test("the newest tags are known, at least 1,024 of them and not many more", () => {
  const known = upTo(5_000);
  expect(known.at(5_000)).toBe("t5000");
  expect(known.at(5_001)).toBeUndefined();
  expect(known.at(5_001 - minKnownTags)).toBe(`t${5_001 - minKnownTags}`);
  expect(known.positions("e").length).toBeLessThan(minKnownTags + 64);
  expect(known.at(3_000)).toBeUndefined();
  expect(known.positions("e")[0]?.offset).toBe(known.state()[0]?.first);
});

test("saved changes add up to the whole state, also when a save fails or the log got shorter", () => {
  const runs = new Map<number, readonly string[]>();
  const known = upTo(10, 7);
  saved(runs, known);
  for (let offset = 11; offset <= 1_500; offset++) known.add(at(offset));
  const { tags, forgotten } = known.takeChange();
  known.untakeChange(tags, forgotten);
  expect(saved(runs, known)).toEqual(known.state());
  for (let offset = 1_501; offset <= 1_700; offset++) known.add(at(offset));
  expect(saved(runs, known)).toEqual(known.state());
  known.cutTo(at(1_600));
  const failed = known.takeChange();
  known.untakeChange(failed.tags, failed.forgotten);
  expect(saved(runs, known)).toEqual(known.state());
  known.add(at(1_601, "new"));
  expect(saved(runs, known)).toEqual(known.state());
  expect([1_600, 1_601, 1_602].map((offset) => known.at(offset))).toEqual([
    "t1600",
    "new",
    undefined,
  ]);
});

test("a position that does not follow, or has another tag, replaces all that are known", () => {
  for (const position of [at(20), at(5, "other"), at(0, "other")]) {
    const known = upTo(9);
    known.cutTo(position);
    expect(known.positions("e")).toEqual([position]);
  }
  const known = upTo(9);
  known.cutTo(at(0));
  expect(known.positions("e")).toEqual([at(0)]);
});
