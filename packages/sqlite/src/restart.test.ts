import { copyFile, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, LogPolicy } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { afterAll, describe, expect, test } from "vitest";
import { openDatabase } from "./driver/open-database.ts";
import { migrate, requireOurs, schemaVersion } from "./schema.ts";
import { sqliteEngine } from "./sqlite-engine.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

const policy: LogPolicy = {
  maxEntries: 100,
  maxAgeMs: 3_600_000,
  dedupeMs: 600_000,
  projection: "latest",
};

let made = 0;

/** Folder of one test, with engines that follow each other on one clock. */
function newFolder() {
  const folder = join(root, `restart-${++made}`);
  const clock = new ManualClock();
  let seed = made * 1_000;
  const open = (
    options: { readonly durability?: "full"; readonly maxBytes?: number } = {},
  ): Engine =>
    sqliteEngine({ folder, durability: "normal", ...options })({
      clock,
      random: new SeededRandom(++seed),
    });
  return { folder, clock, open };
}

function entry(n: number, key?: string) {
  const rest = { event: "e", json: JSON.stringify({ n }), publisher: "p" };
  return key === undefined ? rest : { ...rest, key };
}

describe("a restart", () => {
  test("[P-DATA-2] logs, keys, states and ends are the same after a restart", async () => {
    const { open } = newFolder();
    const before = open();
    for (let n = 0; n < 250; n++) await before.log.append("c:1", entry(n), policy);
    const first = await before.log.append("c:1", entry(250, "k"), policy);
    await before.log.append("c:2", { event: "end", json: "null", publisher: "p" }, policy);
    const slice = await before.log.read("c:1", 0, 1_000, policy);
    const snapshots = [
      await before.log.snapshot("c:1", policy),
      await before.log.snapshot("c:2", policy),
    ];
    await before.close();

    const after = open();
    expect(await after.log.read("c:1", 0, 1_000, policy)).toEqual(slice);
    expect(slice.entries).toHaveLength(100);
    expect([
      await after.log.snapshot("c:1", policy),
      await after.log.snapshot("c:2", policy),
    ]).toEqual(snapshots);
    const again = await after.log.append("c:1", entry(250, "k"), policy);
    expect(again).toEqual({ ...first, duplicate: true });
    const next = await after.log.append("c:1", entry(251), policy);
    expect(next.publication.previousTag).toBe(first.publication.position.tag);
    await after.close();
  });

  test("[P-DATA-2] leases, queues, questions, inboxes and durable subscribers outlive a restart", async () => {
    const { open } = newFolder();
    const bounds = { maxPerChannel: 5, maxReplays: 5, keepMs: 3_600_000 };
    const inboxBounds = { maxItems: 10, maxLength: 1_000, maxAgeMs: 3_600_000 };
    const subscriber = { channel: "c:1", owner: "o", name: "s" };
    const start = { epoch: "e", offset: 0, tag: "0" };
    const before = open();
    const lease = await before.leases.acquire("operation:1", 60_000);
    await before.queues.configure("q", { capacity: 1, lanes: { a: 2, b: 1 } }, 10);
    for (const [owner, lane] of [
      ["u1", "a"],
      ["u2", "b"],
      ["u3", "a"],
    ] as const) {
      await before.queues.join("q", { id: owner, owner, lane });
    }
    const claimed = await before.queues.claim("q", { worker: "w", key: "k", slots: 3 });
    const order = (await before.queues.head("q", 10)).map(({ id, place }) => [id, place]);
    const claim = await before.durable.claim(subscriber, start, bounds);
    await before.inbox.put("user:1", { id: "n1", kind: "notification", json: "1" }, inboxBounds);
    const inbox = await before.inbox.list("user:1", { filter: "all", limit: 10 }, inboxBounds);
    await before.close();

    const after = open();
    expect(await after.leases.get("operation:1")).toEqual(lease);
    expect((await after.queues.head("q", 10)).map(({ id, place }) => [id, place])).toEqual(order);
    expect(await after.queues.claim("q", { worker: "w", key: "k" })).toEqual({
      ...claimed,
      isRepeat: true,
    });
    expect(await after.queues.workers("q")).toMatchObject([{ name: "w", slots: 3 }]);
    expect(await after.queues.statistics("q", 1)).toMatchObject([{ lanes: { a: { joined: 2 } } }]);
    const second = await after.durable.claim(subscriber, start, bounds);
    expect(second?.isNew).toBe(false);
    expect(second?.fence).toBeGreaterThan(claim?.fence ?? 0);
    expect(await after.inbox.list("user:1", { filter: "all", limit: 10 }, inboxBounds)).toEqual(
      inbox,
    );
    await after.close();
  });

  test("[P-DATA-2] a worker that ended while the gateway was down leaves no row behind", async () => {
    const { folder, open, clock } = newFolder();
    const before = open();
    await before.queues.configure("q", { capacity: 1 }, 10);
    await before.queues.beat("q", "old", 1, 1_000);
    await before.close();
    await clock.advance(2_000);
    const after = open();
    await after.queues.beat("q", "new", 1, 60_000);
    expect(await after.queues.workers("q")).toMatchObject([{ name: "new" }]);
    await after.close();
    const database = openDatabase(join(folder, "milepost.db"));
    const rows = database.prepare("SELECT id FROM queue_part WHERE kind = 'worker'").all();
    database.close();
    expect(rows).toEqual([{ id: "new" }]);
  });

  test("[P-DATA-2] a channel that gets its projection back folds what it keeps into a new state", async () => {
    const { open } = newFolder();
    const short = { ...policy, maxEntries: 2 };
    const { projection: _none, ...plain } = short;
    const keyed = { ...short, projection: "keyed:n" };
    const first = open();
    // The state is written at once, since it is smaller than its data.
    for (let n = 0; n < 3; n++) await first.log.append("c:1", entry(n), keyed);
    await first.close();
    const second = open();
    for (let n = 3; n < 9; n++) await second.log.append("c:1", entry(n), plain);
    await second.close();
    const third = open();
    const { snapshot } = await third.log.snapshot("c:1", keyed);
    expect(Object.keys(snapshot?.state as object)).toEqual(["7", "8"]);
    await third.close();
  });

  test("[P-DATA-3] time never goes back over a restart, whatever the clock on the wall does", async () => {
    const { open, clock } = newFolder();
    const before = open();
    await before.records.put("s", "short", "1", 10_000);
    await before.records.put("s", "long", "1", 60_000);
    await clock.advance(20_000);
    await before.records.put("s", "other", "1", 1_000);
    await before.close();
    clock.jump(-3_600_000);
    const after = open();
    expect(await after.records.get("s", "short")).toBeUndefined();
    expect(await after.records.get("s", "long")).toBeDefined();
    await clock.advance(41_000);
    expect(await after.records.get("s", "long")).toBeUndefined();
    await after.close();
  });

  test("[P-DATA-4] entries that an older copy of the file does not have get other tags", async () => {
    const { folder, open } = newFolder();
    const file = join(folder, "milepost.db");
    const first = open();
    await first.log.append("c:1", entry(1), policy);
    await first.close();
    await copyFile(file, `${file}.copy`);
    const second = open();
    const lost = await second.log.append("c:1", entry(2), policy);
    await second.close();
    await copyFile(`${file}.copy`, file);
    const third = open();
    const { publication } = await third.log.append("c:1", entry(3), policy);
    expect(publication.position.offset).toBe(lost.publication.position.offset);
    expect(publication.position.epoch).toBe(lost.publication.position.epoch);
    expect(publication.position.tag).not.toBe(lost.publication.position.tag);
    await third.close();
  });
});

describe("the folder of the data", () => {
  test("[P-DATA-5] a second engine on a folder is refused, and the folder is free once the first has closed", async () => {
    const { folder, open } = newFolder();
    const first = open();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(() => open()).toThrow(/another gateway uses the data in .*--data.*--redis/);
    await first.close();
    await open().close();
  });

  test("[P-DATA-5] a folder that cannot be made ends the start with both ways out", () => {
    const make = sqliteEngine({ folder: "/dev/null/data" });
    const context = { clock: new ManualClock(), random: new SeededRandom(1) };
    expect(() => make(context)).toThrow(/cannot be written .*--data DIR.*--memory/);
  });

  test("[P-DATA-6] the file of a newer release is refused, and so is one that is not of Milepost", async () => {
    const { folder, open } = newFolder();
    await open().close();
    const file = join(folder, "milepost.db");
    const database = openDatabase(file);
    database.exec("PRAGMA user_version = 99");
    database.close();
    expect(() => open()).toThrow(/schema 99.*newer Milepost/);
    await rm(file);
    const other = openDatabase(file);
    other.exec("CREATE TABLE t (a)");
    other.close();
    expect(() => open()).toThrow(/not one of Milepost/);
  });

  test("[P-DATA-6] the file of an older release is migrated, and keeps what it has", async () => {
    const { folder, open } = newFolder();
    await mkdir(folder);
    const file = join(folder, "milepost.db");
    const old = openDatabase(file);
    migrate(old, 1);
    old.exec("INSERT INTO inbox (owner, place, revision, due_at) VALUES ('user:ann', 7, 3, NULL)");
    old.close();
    const engine = open();
    const bounds = { maxItems: 10, maxLength: 1_000, maxAgeMs: 1_000 };
    const item = { id: "n", kind: "notification", json: "1" } as const;
    expect(await engine.inbox.put("user:ann", item, bounds)).toMatchObject({ revision: 4 });
    await engine.close();
    const migrated = openDatabase(file);
    expect(requireOurs(migrated)).toBe(schemaVersion);
    migrated.close();
  });

  test("[P-DATA-8] a damaged file ends the start with its name and the way to restore a backup", async () => {
    const { folder, open } = newFolder();
    await open().close();
    const file = join(folder, "milepost.db");
    await writeFile(file, "no database at all, however long this text may be");
    expect(() => open()).toThrow(/milepost\.db cannot be opened .*milepost restore/);
    await rm(file);
    await open().close();
  });

  test("[P-DATA-7] a store at its limit refuses entries with store_full, and goes on when there is room", async () => {
    const { open } = newFolder();
    const maxBytes = 2 * 1_048_576;
    const engine = open({ maxBytes });
    const large = { ...policy, maxBytes: 64 * 1_048_576, maxEntries: 10_000 };
    const json = JSON.stringify("x".repeat(20_000));
    const append = () => engine.log.append("c:1", { event: "e", json, publisher: "p" }, large);
    const fill = async () => {
      for (let n = 0; n < 200; n++) await append();
    };
    await expect(fill()).rejects.toMatchObject({ code: "store_full" });
    expect(engine.store?.health).toMatchObject({ isFull: true, takesWrites: true });
    expect((await engine.log.read("c:1", 0, 1, large)).entries).toHaveLength(1);
    await engine.close();
    const larger = open({ maxBytes: 2 * maxBytes });
    await larger.log.append("c:1", { event: "e", json, publisher: "p" }, large);
    await larger.close();
  });
});
