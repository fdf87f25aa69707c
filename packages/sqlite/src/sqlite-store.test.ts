import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ManualClock } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { descriptorOf, isGone } from "./data-folder.ts";
import type { Database } from "./driver/database.ts";
import { openDatabase } from "./driver/open-database.ts";
import { migrate } from "./schema.ts";
import { SqliteStore, type StoreParts } from "./sqlite-store.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

let made = 0;

/** Store on a file of its own, whose disk fails as the test says. */
function newStore(parts: Partial<StoreParts> = {}) {
  const file = join(root, `${++made}.db`);
  const opened = openDatabase(file);
  opened.prepare("PRAGMA journal_mode = WAL").get();
  migrate(opened);
  const disk: { error: unknown } = { error: undefined };
  const database: Database = {
    ...opened,
    prepare: (sql) => {
      const statement = opened.prepare(sql);
      if (sql !== "COMMIT") return statement;
      const run = () => {
        if (disk.error !== undefined) throw disk.error;
        return statement.run();
      };
      return { ...statement, run };
    },
  };
  const clock = new ManualClock();
  const store = new SqliteStore({
    database,
    durability: "normal",
    walDescriptor: descriptorOf(`${file}-wal`),
    faultOfFiles: () => undefined,
    maxBytes: 2 ** 40,
    after: (ms, callback) => clock.after(ms, callback),
    ...parts,
  });
  const add = store.prepare("INSERT INTO meta VALUES (?, 1)");
  const count = store.prepare("SELECT count(*) AS n FROM meta WHERE name LIKE 'k%'");
  return {
    file,
    store,
    disk,
    clock,
    put: (name: string) => store.step(() => add.run(name)),
    count: () => store.read(() => count.get()?.n),
  };
}

const full = Object.assign(new Error("database or disk is full"), {
  code: "SQLITE_FULL",
  rawCode: 13,
});

describe("the one writer of the file", () => {
  test("[P-DATA-1] the steps of one tick are one transaction, and a step that is refused leaves the others alone", async () => {
    const { put, store, count } = newStore();
    const refused = store.step(() => {
      throw new MilepostError("forbidden", "no");
    });
    const done = await Promise.allSettled([put("k1"), refused, put("k2")]);
    expect(done.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await count()).toBe(2);
    await store.close();
  });

  test("[P-DATA-1] with full, a step resolves after a sync, and what waits for a sync shares the next one", async () => {
    const { put, count, store } = newStore({ durability: "full" });
    await Promise.all([put("k1"), put("k2")]);
    const later = Promise.all([put("k3"), count()]);
    expect((await later)[1]).toBe(3);
    await store.close();
  });

  test("[P-DATA-10] a transaction that cannot be committed is undone as a whole, and the store goes on by itself", async () => {
    const { put, count, store, disk, clock } = newStore();
    const heard: boolean[] = [];
    let undone = 0;
    store.onUndone(() => undone++);
    store.onChange(({ takesWrites }) => heard.push(takesWrites));
    await put("k0");
    disk.error = full;
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
    const { file, put, store, clock } = newStore({
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

  test("[P-DATA-10] an error that says nothing about the disk refuses the steps of its tick and no later ones", async () => {
    const { put, count, store } = newStore();
    await put("k1");
    const failed = await Promise.allSettled([put("k2"), put("k1")]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(store.health.takesWrites).toBe(true);
    await put("k3");
    expect(await count()).toBe(2);
    await store.close();
  });
});
