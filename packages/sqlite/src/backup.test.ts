import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { afterAll, expect, test } from "vitest";
import { backupData, restoreData } from "./backup.ts";
import { sqliteEngine } from "./sqlite-engine.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

const policy = { maxEntries: 100, maxAgeMs: 3_600_000, dedupeMs: 600_000 };
const clock = new ManualClock();
let made = 0;

const open = (folder: string) =>
  sqliteEngine({ folder, durability: "normal" })({ clock, random: new SeededRandom(++made) });

/** Folder whose log has entries with these numbers, and a backup of it. */
async function newBackup(...numbers: readonly number[]) {
  const place = join(root, String(++made));
  const folder = join(place, "data");
  const engine = open(folder);
  for (const n of numbers) {
    await engine.log.append("c:1", { event: "e", json: String(n), publisher: "p" }, policy);
  }
  const backup = join(place, "backup.db");
  backupData(folder, backup);
  await engine.close();
  return { place, folder, backup, data: join(folder, "milepost.db") };
}

async function numbersIn(folder: string) {
  const engine = open(folder);
  const { entries } = await engine.log.read("c:1", 0, 100, policy);
  await engine.close();
  return entries.map(({ json }) => Number(json));
}

test("[P-DATA-11] a backup is readable for its owner alone, and one that fails leaves no part of a file", async () => {
  const { place, folder, backup, data } = await newBackup(1);
  expect((await stat(backup)).mode & 0o777).toBe(0o600);
  await writeFile(data, "no database at all, however long this text may be");
  expect(() => backupData(folder, join(place, "second.db"))).toThrow(/not a database/);
  expect((await readdir(place)).sort()).toEqual(["backup.db", "data"]);
});

test("[P-DATA-11] a restore replaces a damaged file, and keeps it beside the data", async () => {
  const { folder, backup, data } = await newBackup(1, 2);
  const damaged = "no database at all, however long this text may be";
  await writeFile(data, damaged);
  expect(restoreData(backup, folder)).toBe(`${data}.replaced`);
  expect(await numbersIn(folder)).toEqual([1, 2]);
  expect(await readFile(`${data}.replaced`, "utf8")).toBe(damaged);
  expect(await readdir(folder)).not.toContain("milepost.db.partial");
});

test("[P-DATA-11] a restore into a new folder replaces nothing", async () => {
  const { place, backup } = await newBackup(1, 2);
  const folder = join(place, "other");
  expect(restoreData(backup, folder)).toBeUndefined();
  expect(await numbersIn(folder)).toEqual([1, 2]);
});

test("[P-DATA-11] a restore refuses files that are empty or damaged, says which, and changes nothing", async () => {
  const { place, folder, backup } = await newBackup(1, 2);
  expect(() => restoreData(join(place, "none.db"), folder)).toThrow(/none\.db; name a file/);
  const empty = join(place, "empty.db");
  await writeFile(empty, "");
  expect(() => restoreData(empty, folder)).toThrow(/empty\.db cannot be restored \(it is empty\)/);
  const text = join(place, "text.db");
  await writeFile(text, "no database at all, however long this text may be");
  expect(() => restoreData(text, folder)).toThrow(/text\.db cannot be restored \(it is damaged/);
  const cut = join(place, "cut.db");
  await writeFile(cut, (await readFile(backup)).subarray(0, 40_000));
  expect(() => restoreData(cut, folder)).toThrow(/cut\.db cannot be restored \(it is damaged/);
  expect(await numbersIn(folder)).toEqual([1, 2]);
});
