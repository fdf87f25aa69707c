import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { afterAll, expect, test } from "vitest";
import { inspectData } from "./backup.ts";
import { sqliteEngine } from "./sqlite-engine.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

const policy = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 600_000, projection: "latest" };
const sector = 512;
const images = 20;
let made = 0;

const open = (folder: string) =>
  sqliteEngine({ folder, durability: "normal" })({
    clock: new ManualClock(),
    random: new SeededRandom(++made),
  });

/** Folder of a gateway that runs, and the positions of its entries, in the order in which they were stored. */
async function running() {
  const folder = join(root, "running");
  const engine = open(folder);
  const positions = [];
  for (let n = 0; n < 120; n++) {
    const entry = { event: "e", json: JSON.stringify({ n }), publisher: "p", key: String(n) };
    positions.push((await engine.log.append("c:1", entry, policy)).publication.position);
  }
  const wal = await readFile(join(folder, "milepost.db-wal"));
  return { folder, engine, positions, wal };
}

test("[P-DATA-1] [P-DATA-4] a write-ahead log that a loss of power has cut or torn opens with its first entries, and takes nobody for recovered who knows more", async () => {
  const { folder, engine, positions, wal } = await running();
  const random = new SeededRandom(1);
  const heads = new Set<number>();
  for (let image = 0; image < images; image++) {
    const at = join(root, `image-${image}`);
    await mkdir(at);
    await copyFile(join(folder, "milepost.db"), join(at, "milepost.db"));
    const torn = Buffer.from(wal);
    const first = Math.floor(random.fraction() * (wal.length / sector)) * sector;
    for (let from = first; from < wal.length; from += sector) {
      if (from === first || random.fraction() < 0.5) {
        torn.fill(0, from, Math.min(from + sector, wal.length));
      }
    }
    const isCut = image % 2 === 0;
    await writeFile(join(at, "milepost.db-wal"), isCut ? wal.subarray(0, first) : torn);
    const after = open(at);
    const { entries, head } = await after.log.read("c:1", 0, 1_000, policy);
    heads.add(head.offset);
    expect(entries.map(({ position }) => position)).toEqual(positions.slice(0, head.offset));
    const { snapshot } = await after.log.snapshot("c:1", policy);
    const newest = head.offset === 0 ? null : { n: head.offset - 1 };
    expect((snapshot?.state as { readonly data: unknown } | null)?.data ?? null).toEqual(newest);
    // The key of a lost entry is free again, and its position is another one.
    const lost = head.offset;
    const entry = { event: "e", json: "{}", publisher: "p", key: String(lost) };
    const again = await after.log.append("c:1", entry, policy);
    expect(again.duplicate).toBe(false);
    expect(again.publication.position).not.toEqual(positions[lost]);
    await after.close();
    expect(inspectData(at).faults).toEqual([]);
  }
  expect(heads.size).toBeGreaterThan(6);
  await engine.close();
});
