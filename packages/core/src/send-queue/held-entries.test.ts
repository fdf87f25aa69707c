import type { Position, Publication } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { Rule } from "../rules/rule.ts";
import { HeldEntries } from "./held-entries.ts";

function place(offset: number): Position {
  return { epoch: "e", offset, tag: `t${offset}` };
}

function state(offset: number, length: number): Publication {
  const json = `"${"x".repeat(length - 2)}"`;
  return { channel: "c", position: place(offset), event: "s", json, ts: 0 };
}

function subscriber(name: string) {
  const counts = { merged: 0, merges: 0 };
  return {
    counts,
    encode: (publications: readonly Publication[]) =>
      Buffer.from(publications.map(({ position }) => `${name}${position.offset}`).join(" ")),
    onMerged(count: number) {
      counts.merges++;
      counts.merged += count;
    },
  };
}

const rule = { merge: { s: "state" } } as unknown as Rule;
const ofPriority = (priority: Rule["priority"]) => ({ priority }) as unknown as Rule;

describe("entries held for a slow connection", () => {
  test("[G7] held entries are merged when they do not fit, and fit if the merge leaves an eighth of the room", () => {
    const held = new HeldEntries();
    const reader = subscriber("a");
    for (let n = 1; n <= 10; n++) held.add(reader, rule, [state(n, 800)], place(0));
    expect(held.size).toBe(10_000);
    expect(held.fits(10_000)).toBe(true);
    expect(reader.counts.merged).toBe(0);
    expect(held.fits(9_999)).toBe(true);
    expect(reader.counts.merged).toBe(9);
    expect(held.size).toBe(1_000);
    held.add(reader, rule, [state(11, 800)], place(0));
    expect(held.fits(1_100)).toBe(false);
    expect(held.size).toBe(1_000);
  });

  test("the entries of the most urgent channel are sent first, then those that wait longest", () => {
    const held = new HeldEntries();
    for (const [name, priority] of [
      ["low", "low"],
      ["first", "normal"],
      ["second", undefined],
      ["high", "high"],
    ] as const) {
      held.add(subscriber(name), ofPriority(priority), [state(1, 10)], place(0));
    }
    const sent: string[] = [];
    for (let bytes = held.next(); bytes !== undefined; bytes = held.next())
      sent.push(Buffer.from(bytes).toString());
    expect(sent).toEqual(["high1", "first1", "second1", "low1"]);
    expect(held.size).toBe(0);
  });

  test("the entries of a subscriber that leaves are dropped", () => {
    const held = new HeldEntries();
    const [a, b] = [subscriber("a"), subscriber("b")];
    for (const reader of [a, b]) held.add(reader, rule, [state(1, 10)], place(0));
    expect(held.sentUpTo(a)).toEqual(place(0));
    held.drop(a);
    expect(held.sentUpTo(a)).toBeUndefined();
    expect(Buffer.from(held.next() ?? "").toString()).toBe("b1");
    expect(held.next()).toBeUndefined();
  });
});
