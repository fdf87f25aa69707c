import { existsSync } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTick } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { Checkpoints } from "./checkpoints.ts";
import { openDatabase } from "./driver/open-database.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";
import { WalIndex } from "./wal-index.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

let made = 0;

/** File with checkpoints, and a function that commits some pages. */
function newFile(fileOfThread?: string, onDone?: (ms: number) => void) {
  const file = join(root, `checkpoints-${++made}.db`);
  const database = openDatabase(file);
  database.prepare("PRAGMA journal_mode = WAL").get();
  database.prepare("PRAGMA wal_autocheckpoint = 0").get();
  database.exec("PRAGMA synchronous = OFF");
  database.exec("CREATE TABLE t (a)");
  const index = new WalIndex(`${file}-shm`);
  const told = onDone === undefined ? {} : { onDone };
  const checkpoints = new Checkpoints({ database, file: fileOfThread ?? file, index, ...told });
  const insert = database.prepare("INSERT INTO t VALUES (?)");
  const value = "x".repeat(200_000);
  let rows = 0;
  const commit = () => {
    insert.run(value);
    rows++;
    checkpoints.committed();
  };
  const close = async () => {
    await checkpoints.close();
    database.close();
    if (index.look() !== undefined) index.close();
    return rows;
  };
  return { file, index, checkpoints, commit, close };
}

describe("checkpoints", () => {
  test("[P-DATA-12] a thread copies the write-ahead log into the file while commits go on", async () => {
    const { file, checkpoints, commit, close } = newFile();
    while (checkpoints.count === 0) {
      commit();
      await nextTick();
    }
    expect((await stat(file)).size).toBeGreaterThan(1_000_000);
    const rows = await close();
    const after = openDatabase(file);
    expect(after.prepare("SELECT count(*) AS n FROM t").get()?.n).toBe(rows);
    after.close();
  });

  test.each([
    ["of the thread", undefined],
    ["within commits", "none/none.db"],
  ])("[P-DATA-13] the time of each checkpoint %s is told", async (_, fileOfThread) => {
    const times: number[] = [];
    const { checkpoints, commit, close } = newFile(fileOfThread, (ms) => times.push(ms));
    while (checkpoints.count === 0) {
      commit();
      await nextTick();
    }
    expect(times).toHaveLength(checkpoints.count);
    expect(times[0]).toBeGreaterThan(0);
    await close();
  });

  test("[P-DATA-12] a write-ahead log stays bounded although the thread never gets its turn", async () => {
    const { file, commit, close } = newFile();
    // Everything happens in one turn, so that the thread cannot report.
    for (let n = 0; n < 600; n++) commit();
    expect((await stat(`${file}-wal`)).size).toBeLessThan(64 * 2 ** 20);
    await close();
  });

  test("[P-DATA-10] a commit succeeds and the write-ahead log stays bounded although its index cannot be read", async () => {
    const { file, index, checkpoints, commit, close } = newFile();
    index.close();
    for (let n = 0; n < 600; n++) commit();
    expect(checkpoints.count).toBeGreaterThan(0);
    expect((await stat(`${file}-wal`)).size).toBeLessThan(64 * 2 ** 20);
    expect(await close()).toBe(600);
  });

  test("[P-DATA-10] a thread that starts while the file is moved away leaves the write-ahead log alone", async () => {
    const { file, checkpoints, commit, close } = newFile();
    await rename(file, `${file}.away`);
    while (checkpoints.count === 0) {
      commit();
      await nextTick();
    }
    expect(existsSync(`${file}-wal`)).toBe(true);
    await rename(`${file}.away`, file);
    await close();
  });

  test("[P-DATA-12] a thread that cannot start is replaced by checkpoints within commits", async () => {
    // No thread starts with a value that cannot be passed to it.
    const { file, checkpoints, commit, close } = newFile((() => {}) as unknown as string);
    while (checkpoints.count === 0) {
      commit();
      await nextTick();
    }
    expect((await stat(file)).size).toBeGreaterThan(1_000_000);
    await close();
  });

  test("[P-DATA-12] a thread that fails is replaced by checkpoints within commits", async () => {
    const { file, checkpoints, commit, close } = newFile(join(root, "none", "none.db"));
    while (checkpoints.count === 0) {
      commit();
      await nextTick();
    }
    expect((await stat(file)).size).toBeGreaterThan(1_000_000);
    await close();
  });
});
