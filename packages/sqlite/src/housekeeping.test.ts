import { rm } from "node:fs/promises";
import { setImmediate as nextTick } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { Housekeeping } from "./housekeeping.ts";
import { SqliteChannelLog } from "./sqlite-channel-log.ts";
import { SqliteDeadLetterStore } from "./sqlite-dead-letter-store.ts";
import { SqliteDurableSubscribers } from "./sqlite-durable-subscribers.ts";
import { SqliteInbox } from "./sqlite-inbox.ts";
import { SqliteLeases } from "./sqlite-leases.ts";
import type { StoreParts } from "./sqlite-store.ts";
import { diskFull, newStore } from "./testing/new-store.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const policy = { maxEntries: 100, maxAgeMs: hourMs, dedupeMs: 600_000, projection: "latest" };
const inboxBounds = { maxItems: 10, maxLength: 1_000, maxAgeMs: dayMs };

/** Looks at no files: a test that lets days pass would look at them every second. */
const withoutProbes: Partial<StoreParts> = { after: () => () => {} };

/** Ports on one file, with the housekeeping of that file, whose turns run when the test says. */
function newKept(options: Partial<StoreParts> = withoutProbes) {
  const made = newStore(root, options);
  const { parts, store } = made;
  const bus = { publish: () => {} };
  const log = new SqliteChannelLog({ ...parts, bus, maxMemoryBytes: 2 ** 20, onTrimmed: () => {} });
  const inbox = new SqliteInbox(parts);
  const turns: (() => void)[] = [];
  const housekeeping = new Housekeeping(parts, { log, inbox }, (_ms, turn) => {
    turns.push(turn);
    return () => {};
  });
  return {
    ...made,
    log,
    inbox,
    rows: (table: string) =>
      Number(store.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0),
    /** Runs as many turns as delete all that these tests have. */
    sweep: async () => {
      for (let n = 0; n < 20; n++) {
        turns.shift()?.();
        while (turns.length === 0) await nextTick();
      }
    },
    close: () => {
      housekeeping.close();
      return store.close();
    },
  };
}

const put = (n: number) => ({ event: "e", json: String(n), publisher: "p", key: String(n) });

describe("housekeeping", () => {
  test("[P-DATA-1] a log that is over leaves no row behind, and one turn deletes many short logs", async () => {
    const { log, sweep, rows, clock, close } = newKept();
    for (let n = 0; n < 100; n++) {
      await log.append(`c:${n}`, { ...put(n), claim: { id: `m${n}` } }, policy);
    }
    await clock.advance(hourMs - 10_000);
    expect(rows("log")).toBe(100);
    await clock.advance(20_000);
    await sweep();
    for (const table of ["log", "log_state", "entry", "entry_key", "id_owner", "dropped_log"]) {
      expect([table, rows(table)]).toEqual([table, 0]);
    }
    await close();
  });

  test("[P-DATA-1] leases, durable subscribers and dead letters that are over leave no row behind", async () => {
    const { parts, sweep, rows, clock, close } = newKept();
    await new SqliteLeases(parts).acquire("l", 1_000);
    const at = { epoch: "e", offset: 1, tag: "t" };
    const durable = new SqliteDurableSubscribers(parts);
    const key = { channel: "c:1", owner: "o", name: "s" };
    const bounds = { maxPerChannel: 1, maxReplays: 1, keepMs: hourMs };
    const replay = { letter: "1", position: at, attempts: 1, dueAt: 0, isOut: false };
    await durable.claim(key, at, bounds);
    await durable.replay(key, replay, bounds);
    await new SqliteDeadLetterStore(parts).put(
      { source: "s", at: 0, channel: "c:1", reason: "expired", attempts: 1, entry: { json: "1" } },
      { maxDeadLetters: 9, maxLength: 999, maxAgeMs: hourMs },
    );
    expect(rows("subscriber_part")).toBe(1);
    await clock.advance(3 * dayMs);
    await sweep();
    for (const table of ["lease", "subscriber", "subscriber_part", "dead_letter"]) {
      expect([table, rows(table)]).toEqual([table, 0]);
    }
    await close();
  });

  test("[P-DATA-1] an inbox is deleted once all it has is too old, and one with an open question is kept", async () => {
    const { inbox, sweep, rows, clock, close } = newKept();
    await inbox.put("user:ann", { id: "n", kind: "notification", json: "1" }, inboxBounds);
    await inbox.close("user:ann", "gone", "answered", inboxBounds);
    await inbox.put("user:bo", { id: "q", kind: "question", json: "1" }, inboxBounds);
    await clock.advance(dayMs);
    await sweep();
    expect(rows("inbox")).toBe(2);
    await clock.advance(2 * dayMs);
    await sweep();
    expect(rows("inbox")).toBe(1);
    expect(await inbox.get("user:bo", "q")).toMatchObject({ id: "q" });
    expect(await inbox.get("user:ann", "n")).toBeUndefined();
    await inbox.close("user:bo", "q", "answered", inboxBounds);
    await clock.advance(3 * dayMs);
    await sweep();
    expect([rows("inbox"), rows("inbox_part")]).toEqual([0, 0]);
    await close();
  });

  test("[P-DATA-3] roles and seen positions of an inbox end by the time of the store, not by the clock on the wall", async () => {
    const { inbox, sweep, clock, close } = newKept();
    await inbox.setRoles("user:ann", ["ops"], hourMs);
    clock.jump(2 * hourMs);
    expect(await inbox.setRoles("user:ann", ["ops"], hourMs)).toEqual(["ops"]);
    clock.jump(-4 * hourMs);
    await sweep();
    expect(await inbox.setRoles("user:ann", ["ops"], hourMs)).toEqual(["ops"]);
    await clock.advance(hourMs);
    expect(await inbox.setRoles("user:ann", ["ops"], hourMs)).toEqual([]);
    await close();
  });

  test("[P-DATA-10] reading while the disk is full notes nothing to be written later", async () => {
    const { log, store, disk, clock, close } = newKept({});
    for (let n = 0; n < 50; n++) await log.append(`c:${n}`, put(n), policy);
    disk.error = diskFull;
    await expect(log.append("c:0", put(99), policy)).rejects.toMatchObject({
      code: "store_unavailable",
    });
    await clock.advance(60_000);
    for (let n = 0; n < 50; n++) await log.read(`c:${n}`, 0, 10, policy);
    disk.error = undefined;
    await clock.advance(1_000);
    expect(store.health.takesWrites).toBe(true);
    disk.runs.clear();
    await log.append("c:0", put(100), policy);
    const saved = [...disk.runs].find(([sql]) => sql.startsWith("UPDATE log SET"));
    expect(saved?.[1]).toBe(1);
    await close();
  });
});
