import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { type Loss, losses, RecordedDisk } from "./recorded-disk.ts";
import type { DiskEvent } from "./recording.ts";

const at = 0n;
const folder = 1n;
const file = 2n;
let syncs = 0n;

const open = (path: string, number: bigint): DiskEvent => ({
  kind: "opened",
  at,
  file: number,
  path,
});
const write = (offset: number, text: string): DiskEvent => ({
  kind: "written",
  at,
  file,
  offset,
  data: Buffer.from(text),
});
const sync = (number: bigint): DiskEvent[] => {
  const id = ++syncs;
  return [
    { kind: "sync_begun", at, file: number, sync: id },
    { kind: "sync_ended", at, file: number, sync: id },
  ];
};

/** Disk that has followed events, with a folder and one file whose name is durable. */
function diskWith(...events: readonly DiskEvent[]): RecordedDisk {
  const disk = new RecordedDisk();
  for (const event of [open("", folder), open("/a", file), ...sync(folder), ...events]) {
    disk.follow(event);
  }
  return disk;
}

/** States in which many losses of one kind leave the file; "gone" where it has no name. */
function statesOf(disk: RecordedDisk, loss: Loss): ReadonlySet<string> {
  const random = new Random(7);
  return new Set(
    Array.from({ length: 300 }, () => disk.afterLoss(loss, random).get("/a")?.toString() ?? "gone"),
  );
}

describe("a disk that loses its power", () => {
  test("what was written before a sync began is there, and what was written while it ran may be lost", () => {
    const [begun, ended] = sync(file) as [DiskEvent, DiskEvent];
    const disk = diskWith(write(0, "a"), begun, write(1, "b"), ended, write(2, "c"));
    expect(statesOf(disk, "none")).toEqual(new Set(["a"]));
    expect(statesOf(disk, "all")).toEqual(new Set(["abc"]));
    expect(statesOf(disk, "prefix")).toEqual(new Set(["a", "ab", "abc"]));
    expect(statesOf(disk, "some")).toEqual(new Set(["a", "ab", "abc", "a\0c"]));
    expect(disk.contents.get("/a")?.toString()).toBe("abc");
  });

  test("a write is torn at the borders of sectors, and bytes beside it stay", () => {
    const disk = diskWith(
      write(0, "-".repeat(2_048)),
      ...sync(file),
      write(500, "x".repeat(1_000)),
    );
    const torn = statesOf(disk, "some");
    expect(torn.size).toBeGreaterThan(4);
    for (const state of torn) {
      expect(state).toMatch(/^-{500}(-{12}|x{12})(-{512}|x{512})(-{476}|x{476})-{548}$/);
    }
  });

  test("a truncation that is not synced may be lost alone, and what is cut off comes back as zeros", () => {
    const cut: DiskEvent = { kind: "truncated", at, file, size: 1 };
    const disk = diskWith(write(0, "abc"), ...sync(file), cut, write(2, "d"));
    expect(statesOf(disk, "all")).toEqual(new Set(["a\0d"]));
    expect(statesOf(disk, "some")).toEqual(new Set(["abc", "a", "a\0d", "abd"]));
  });

  test("a name is there once the folder was synced, and a deletion that was not synced may be undone", () => {
    const disk = new RecordedDisk();
    for (const event of [open("", folder), open("/a", file), write(0, "a"), ...sync(file)]) {
      disk.follow(event);
    }
    expect(statesOf(disk, "none")).toEqual(new Set(["gone"]));
    for (const event of sync(folder)) disk.follow(event);
    disk.follow({ kind: "deleted", at, path: "/a" });
    expect(statesOf(disk, "none")).toEqual(new Set(["a"]));
    expect(statesOf(disk, "prefix")).toEqual(new Set(["a", "gone"]));
    for (const event of sync(folder)) disk.follow(event);
    for (const loss of losses) expect(statesOf(disk, loss)).toEqual(new Set(["gone"]));
  });

  test("a renamed file has its old name or its new one, and a call that is not recorded ends the run", () => {
    const disk = diskWith(write(0, "a"), ...sync(file));
    disk.follow({ kind: "renamed", at, from: "/a", to: "/b" });
    const names = disk.afterLoss("all", new Random(1));
    expect([...names.keys()]).toEqual(["/b"]);
    expect([...disk.afterLoss("none", new Random(1)).keys()]).toEqual(["/a"]);
    expect(() => disk.follow({ kind: "unseen", at, file, call: "mmap" })).toThrow(/mmap/);
  });
});
