import type { Position, Publication } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { RecentBudget } from "./recent-budget.ts";
import { RecentEntries } from "./recent-entries.ts";

function tagAt(offset: number): string {
  return `tag${offset}`;
}

function at(offset: number, tag = tagAt(offset), epoch = "e"): Position {
  return { epoch, offset, tag };
}

function entry(offset: number, length = 1): Publication {
  return {
    channel: "log:a",
    position: at(offset),
    previousTag: tagAt(offset - 1),
    event: "n",
    json: "1".repeat(length),
    ts: 0,
  };
}

function entries(from: number, to: number, length = 1): Publication[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, length));
}

function offsets(publications: readonly Publication[] | undefined): number[] | undefined {
  return publications?.map(({ position }) => position.offset);
}

function filled(from: number, to: number, length = 1): RecentEntries {
  const recent = new RecentEntries(new RecentBudget());
  for (const one of entries(from, to, length)) recent.add(one);
  return recent;
}

describe("recent entries", () => {
  test("[G4] recent entries are returned only for a position whose tag equals the one known for its offset", () => {
    const recent = filled(5, 9);
    expect(offsets(recent.after(at(6)))).toEqual([7, 8, 9]);
    expect(offsets(recent.after(at(4)))).toEqual([5, 6, 7, 8, 9]);
    expect(recent.after(at(9))).toEqual([]);
    expect(recent.after(at(3))).toBeUndefined();
    expect(recent.after(at(10))).toBeUndefined();
    for (const offset of [4, 6, 9]) {
      expect(recent.after(at(offset, "other"))).toBeUndefined();
      expect(recent.after(at(offset, tagAt(offset), "other"))).toBeUndefined();
    }
  });

  test("recent entries reach further back once entries that lead up to the oldest of them are added", () => {
    const recent = filled(5, 9);
    recent.addBefore(entries(1, 3));
    expect(recent.after(at(2))).toBeUndefined();
    recent.addBefore(entries(3, 7));
    expect(offsets(recent.after(at(2)))).toEqual([3, 4, 5, 6, 7, 8, 9]);
    recent.addBefore([{ ...entry(2), position: at(2, "other") }]);
    expect(recent.after(at(1))).toBeUndefined();
    recent.addBefore(entries(1, 2));
    expect(offsets(recent.after(at(0)))?.length).toBe(9);
  });

  test("recent entries are bounded in number and characters, and the newest remain", () => {
    for (const recent of [filled(1, 5_000), filled(1, 5_000, 2_000)]) {
      expect(recent.length).toBeLessThanOrEqual(256 * 1_024);
      expect(recent.after(at(1))).toBeUndefined();
      expect(offsets(recent.after(at(4_999)))).toEqual([5_000]);
    }
    const full = filled(1_001, 1_900);
    full.addBefore(entries(1, 1_000));
    expect(full.after(at(999))).toBeUndefined();
    const [huge] = [filled(1, 1, 1_000_000)];
    expect(offsets(huge?.after(at(0)))).toEqual([1]);
  });

  test("[G7] a channel keeps at most 1,000 recent entries, also when older ones are added before them", () => {
    expect(filled(1, 1_000).after(at(0))).toHaveLength(1_000);
    expect(filled(1, 1_001).after(at(0))).toBeUndefined();
    const full = filled(201, 1_100);
    full.addBefore(entries(101, 200));
    expect(full.after(at(100))).toHaveLength(1_000);
    full.addBefore(entries(100, 100));
    expect(full.after(at(99))).toBeUndefined();
  });

  test("[G7] a channel keeps at most 256 KiB of recent entries, also when older ones are added before them", () => {
    const full = filled(11, 20, 20_000);
    full.addBefore(entries(1, 10, 20_000));
    expect(full.after(at(9))).toBeUndefined();
    expect(full.after(at(10))).toHaveLength(10);
  });

  test("[G7] the budget forgets a channel that has no recent entries any more", () => {
    const budget = new RecentBudget(100);
    const halved: string[] = [];
    const channel = (name: string) => {
      const change = (length: number) => {
        recent.length += length;
        budget.changed(recent, length);
      };
      const recent = {
        length: 0,
        halve() {
          halved.push(name);
          change(-recent.length / 2);
        },
      };
      return change;
    };
    const [emptied, full] = [channel("emptied"), channel("full")];
    emptied(60);
    emptied(-60);
    full(120);
    expect(halved).toEqual(["full"]);
  });

  test("recent entries that the log no longer keeps are forgotten", () => {
    const recent = filled(5, 9);
    recent.forget(3);
    recent.forget(6);
    expect(recent.after(at(5))).toBeUndefined();
    expect(offsets(recent.after(at(6)))).toEqual([7, 8, 9]);
    recent.forget(20);
    expect(recent.length).toBe(0);
  });

  test("recent entries of all channels together stay within the budget, and channels drop their older half in turn", () => {
    const room = new RecentBudget(100_000);
    const channels = Array.from({ length: 50 }, () => new RecentEntries(room));
    for (let offset = 1; offset <= 100; offset++) {
      for (const recent of channels) recent.add(entry(offset));
    }
    const sum = channels.reduce((length, recent) => length + recent.length, 0);
    expect(room.length).toBe(sum);
    expect(sum).toBeLessThanOrEqual(100_000);
    expect(sum).toBeGreaterThan(50_000);
    for (const recent of channels) recent.clear();
    expect(room.length).toBe(0);
  });
});
