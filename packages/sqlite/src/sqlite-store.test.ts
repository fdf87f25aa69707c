import { rename, rm } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import type { DataWork } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { descriptorOf, isGone } from "./data-folder.ts";
import type { StoreParts } from "./sqlite-store.ts";
import { diskFull, newStore } from "./testing/new-store.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

/** Store with rows that count. */
function newRows(options: Partial<StoreParts> = {}) {
  const made = newStore(root, options);
  const { store } = made;
  const add = store.prepare("INSERT INTO meta VALUES (?, 1)");
  const count = store.prepare("SELECT count(*) AS n FROM meta WHERE name LIKE 'k%'");
  return {
    ...made,
    put: (name: string) => store.step(() => add.run(name)),
    count: () => store.read(() => count.get()?.n),
  };
}

/** Syncs that wait until the test ends them. */
function heldSyncs() {
  const held: ((error: Error | null) => void)[] = [];
  const sync: NonNullable<StoreParts["sync"]> = (_descriptor, done) => held.push(done);
  return { held, sync };
}

describe("the one writer of the file", () => {
  test("[P-DATA-1] the steps of one tick are one transaction, and a step that is refused leaves the others alone", async () => {
    const { put, store, count } = newRows();
    const refused = store.step(() => {
      throw new MilepostError("forbidden", "no");
    });
    const done = await Promise.allSettled([put("k1"), refused, put("k2")]);
    expect(done.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await count()).toBe(2);
    await store.close();
  });

  test("[P-DATA-1] with full, a step resolves after a sync that began after its commit, and ticks that wait share the next", async () => {
    const { held, sync } = heldSyncs();
    const { put, count, store } = newRows({ durability: "full", sync });
    const done: string[] = [];
    const note = (name: string) => () => void done.push(name);
    const first = Promise.all([put("k1").then(note("k1")), put("k2").then(note("k2"))]);
    await turn();
    await turn();
    const second = put("k3").then(note("k3"));
    await turn();
    await turn();
    const third = put("k4").then(note("k4"));
    await turn();
    await turn();
    const read = count().then((n) => done.push(`read ${n}`));
    expect(held).toHaveLength(1);
    expect(done).toEqual([]);
    held[0]?.(null);
    await first;
    expect(done).toEqual(["k1", "k2"]);
    expect(held).toHaveLength(2);
    held[1]?.(null);
    await Promise.all([second, third, read]);
    expect(done).toEqual(["k1", "k2", "k3", "k4", "read 4"]);
    await store.close();
  });

  test("[P-DATA-10] after a failed sync the store takes nothing new, however often the disk is looked at", async () => {
    const { held, sync } = heldSyncs();
    const { put, store, clock } = newRows({ durability: "full", sync });
    const first = put("k1");
    await turn();
    await turn();
    const second = put("k2");
    await turn();
    await turn();
    const failed = Promise.allSettled([first, second]);
    held[0]?.(new Error("input/output error"));
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(store.health.reason).toMatch(/input\/output error.*restart the gateway/);
    await clock.advance(60_000);
    await expect(put("k3")).rejects.toMatchObject({ code: "store_unavailable" });
    await store.close();
  });

  test("[P-DATA-1] a store that closes takes nothing new and acknowledges what it has taken", async () => {
    const { held, sync } = heldSyncs();
    const { put, store } = newRows({ durability: "full", sync });
    const taken = put("k1");
    const closed = store.close();
    await expect(put("k2")).rejects.toMatchObject({ message: "the store is closed" });
    held[0]?.(null);
    await taken;
    await closed;
  });

  test("[P-DATA-10] a disk that fails while the store looks how full the file is refuses the steps of that tick", async () => {
    const { put, count, store, disk } = newRows();
    await put("k1");
    disk.failing = "PRAGMA freelist_count";
    disk.error = Object.assign(new Error("disk I/O error"), { rawCode: 10 });
    await expect(put("k2")).rejects.toMatchObject({ code: "store_unavailable" });
    expect(store.health.takesWrites).toBe(false);
    expect(await count()).toBe(1);
    disk.error = undefined;
    await store.close();
  });

  test("[P-DATA-10] a transaction that cannot be committed is undone as a whole, and the store goes on by itself", async () => {
    const { put, count, store, disk, clock } = newRows();
    const heard: boolean[] = [];
    let undone = 0;
    store.onUndone(() => undone++);
    store.onChange(({ takesWrites }) => heard.push(takesWrites));
    await put("k0");
    disk.error = diskFull;
    const failed = await Promise.allSettled([put("k1"), put("k2")]);
    for (const result of failed) {
      expect(result).toMatchObject({
        status: "rejected",
        reason: { code: "store_unavailable", retryable: true },
      });
    }
    expect(undone).toBe(1);
    expect(store.health).toMatchObject({
      takesWrites: false,
      reason: expect.stringMatching(/disk is full; free some space/),
    });
    await expect(put("k3")).rejects.toMatchObject({ code: "store_unavailable" });
    expect(await count()).toBe(1);
    await clock.advance(1_000);
    expect(store.health.takesWrites).toBe(false);
    disk.error = undefined;
    await clock.advance(1_000);
    expect(heard).toEqual([false, true]);
    await put("k4");
    expect(await count()).toBe(2);
    await store.close();
  });

  test("[P-DATA-10] a file that is moved away while it is used stops all writes until it is back", async () => {
    let descriptor = -1;
    const { file, put, store, clock } = newRows({
      faultOfFiles: () => (isGone(file, descriptor) ? "the file was deleted" : undefined),
    });
    descriptor = descriptorOf(file);
    await put("k1");
    await rename(file, `${file}.moved`);
    await clock.advance(1_000);
    expect(store.health).toMatchObject({ takesWrites: false, reason: "the file was deleted" });
    await expect(put("k2")).rejects.toMatchObject({ message: "the file was deleted" });
    await rename(`${file}.moved`, file);
    await clock.advance(1_000);
    await put("k3");
    await store.close();
  });

  test("[P-DATA-13] the store tells of each commit with its writes, of each sync, and of every write that it refuses", async () => {
    const { held, sync } = heldSyncs();
    const work: DataWork[] = [];
    let time = 0;
    const { put, store, disk, clock } = newRows({
      durability: "full",
      sync,
      onWork: (done) => work.push(done),
      now: () => ++time,
    });
    const first = Promise.all([put("k1"), put("k2"), put("k3")]);
    await turn();
    await turn();
    time += 10;
    held[0]?.(null);
    await first;
    expect(work.splice(0)).toEqual([
      { kind: "commit", writes: 3, ms: 1 },
      { kind: "sync", ms: 11 },
    ]);
    const fault = { kind: "refused", reason: "fault" };
    disk.error = diskFull;
    await Promise.allSettled([put("k4"), put("k5")]);
    expect(work.splice(0)).toEqual([fault, fault]);
    await expect(put("k6")).rejects.toMatchObject({ code: "store_unavailable" });
    expect(work.splice(0)).toEqual([fault]);
    disk.error = undefined;
    await clock.advance(1_000);
    await Promise.allSettled([put("k7"), put("k1")]);
    expect(work.splice(0)).toEqual([fault, fault]);
    await store.close();
  });

  test("[P-DATA-13] the store tells of each write that it refuses because the file is full", async () => {
    const work: DataWork[] = [];
    const { put, store } = newRows({ maxBytes: 1, onWork: (done) => work.push(done) });
    await put("k1");
    expect(() => store.requireRoom()).toThrow(expect.objectContaining({ code: "store_full" }));
    expect(work).toContainEqual({ kind: "refused", reason: "full" });
    await store.close();
  });

  test("[P-DATA-10] an error that says nothing about the disk refuses the steps of its tick and no later ones", async () => {
    const { put, count, store } = newRows();
    await put("k1");
    const failed = await Promise.allSettled([put("k2"), put("k1")]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(store.health.takesWrites).toBe(true);
    await put("k3");
    expect(await count()).toBe(2);
    await store.close();
  });
});
