import { endEvent, type MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { NewEntry } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";
import { entryOriginContract } from "./entry-origin-contract.ts";
import { append, channel, entry, hourMs, latest, offsets, policy } from "./log-entries.ts";
import { rollUpContract } from "./roll-up-contract.ts";

/** Contract tests of the channel log; every engine runs them. */
export function channelLogContract(name: string, make: MakeEngine): void {
  describe(`${name} channel log: order`, () => {
    test("[G1] offsets count from 1 without a gap, in the order of the appends", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const appended = await Promise.all(
        Array.from({ length: 50 }, (_, n) => log.append(channel, entry(n), policy)),
      );
      expect(offsets(appended.map(({ publication }) => publication))).toEqual(
        Array.from({ length: 50 }, (_, n) => n + 1),
      );
      const { entries, head } = await log.read(channel, 0, 100, policy);
      expect(entries.map(({ json }) => Number(json))).toEqual(
        Array.from({ length: 50 }, (_, n) => n),
      );
      expect(head).toEqual(entries.at(-1)?.position);
    });

    test("[G1] [G3] each of many appends made at once is answered by itself, whatever becomes of the others", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const heard: string[] = [];
      harness.engine.bus.listen(({ json }) => heard.push(json));
      await harness.engine.bus.subscribe(channel, policy);
      const owned = { publisher: "other", claim: { id: "a" } };
      const one = (n: number, rest: Partial<NewEntry> = {}, name = channel) =>
        log.append(name, entry(n, rest), policy);
      const settled = await Promise.allSettled([
        one(1, { key: "k" }),
        one(2, { claim: { id: "a" } }),
        one(3, { key: "k" }),
        one(4, owned),
        one(5, {}, "contract:other"),
        one(6, { priority: "high" }),
        one(7, { event: endEvent }),
        one(8),
        one(9, { key: "k" }),
        one(10, { event: endEvent }),
        one(11, {}, "contract:other"),
      ]);
      const answers = settled.map((outcome) =>
        outcome.status === "rejected"
          ? (outcome.reason as MilepostError).code
          : `${outcome.value.publication.position.offset}${outcome.value.duplicate ? " again" : ""}`,
      );
      expect(answers).toEqual([
        ...["1", "2", "1 again", "forbidden", "1", "3", "4", "ended", "1 again", "4 again", "2"],
      ]);
      const { entries } = await log.read(channel, 0, 100, policy);
      expect(entries.map(({ json }) => json)).toEqual(["1", "2", "6", "7"]);
      expect(entries.map(({ previousTag }) => previousTag).slice(1)).toEqual(
        entries.map(({ position }) => position.tag).slice(0, -1),
      );
      await expect.poll(() => heard).toEqual(["1", "2", "6", "7"]);
      const stored = settled.flatMap((outcome) =>
        outcome.status === "fulfilled" && outcome.value.publication.channel === channel
          ? [outcome.value]
          : [],
      );
      const fresh = stored.filter(({ duplicate }) => !duplicate);
      expect(fresh.map(({ publication }) => publication)).toEqual(entries);
    });

    test("every entry has a tag of its own and every log an epoch of its own", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 20);
      await log.append("contract:other", entry(1), policy);
      const { entries } = await log.read(channel, 0, 100, policy);
      const other = await log.read("contract:other", 0, 100, policy);
      expect(new Set(entries.map(({ position }) => position.tag)).size).toBe(20);
      expect(new Set(entries.map(({ position }) => position.epoch)).size).toBe(1);
      expect(other.head.epoch).not.toBe(entries[0]?.position.epoch);
    });

    test("an entry is read back as it was appended, with its JSON text unchanged", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const json = '{"b":1.50,"a":"\\u00e9 é \\u2028","big":12345678901234567890,"__proto__":1}';
      const { publication } = await log.append(
        channel,
        { event: "odd", json, publisher: "p", priority: "high" },
        policy,
      );
      const { entries } = await log.read(channel, 0, 1, policy);
      expect(entries).toEqual([publication]);
      expect(entries[0]).toMatchObject({ channel, event: "odd", json, priority: "high" });
    });
  });

  describe(`${name} channel log: reading`, () => {
    test("the position of a log without entries is offset 0 of the epoch that its first entry will have", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const before = await log.read(channel, 0, 10, policy);
      expect(before).toMatchObject({ entries: [], head: { offset: 0, tag: "0" } });
      expect(before.floor).toEqual(before.head);
      expect((await log.snapshot(channel, policy)).position).toEqual(before.head);
      const { publication } = await log.append(channel, entry(1), policy);
      expect(publication.position).toMatchObject({ epoch: before.head.epoch, offset: 1 });
    });

    test("a read returns the entries after the offset, oldest first, up to the limit, and the head of the log", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 10);
      const { entries, head, floor } = await log.read(channel, 4, 3, policy);
      expect(offsets(entries)).toEqual([5, 6, 7]);
      expect(head.offset).toBe(10);
      expect(floor).toMatchObject({ offset: 0, tag: "0" });
      expect((await log.read(channel, 10, 3, policy)).entries).toEqual([]);
      expect((await log.read(channel, 99, 3, policy)).entries).toEqual([]);
    });

    test("[P-STORE-1] a page ends with the entry by which the data after its first entry reach 256 KiB", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const quarter = "x".repeat(65_534);
      for (let n = 0; n < 10; n++) await log.append(channel, entry(quarter), policy);
      expect(offsets((await log.read(channel, 0, 100, policy)).entries)).toEqual([1, 2, 3, 4, 5]);
      expect(offsets((await log.read(channel, 5, 100, policy)).entries)).toEqual([6, 7, 8, 9, 10]);
      expect(offsets((await log.read(channel, 4, 3, policy)).entries)).toEqual([5, 6, 7]);
    });

    test("[P-STORE-1] a page that begins with a known large entry goes on with the next entry, however large both are", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 3);
      for (let n = 0; n < 5; n++) await log.append(channel, entry("x".repeat(600_000)), policy);
      expect(offsets((await log.read(channel, 3, 100, policy)).entries)).toEqual([4, 5]);
      expect(offsets((await log.read(channel, 7, 100, policy)).entries)).toEqual([8]);
      expect(offsets((await log.read(channel, 0, 100, policy)).entries)).toEqual([1, 2, 3, 4]);
    });

    test("a read is atomic: its entries reach exactly from floor to head while appends go on", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const appends = Array.from({ length: 100 }, (_, n) => log.append(channel, entry(n), policy));
      const reads = Array.from({ length: 20 }, () => log.read(channel, 0, 1_000, policy));
      for (const { entries, head, floor } of await Promise.all(reads)) {
        expect(offsets(entries)).toEqual(
          Array.from({ length: head.offset - floor.offset }, (_, n) => floor.offset + n + 1),
        );
      }
      await Promise.all(appends);
    });
  });

  describe(`${name} channel log: dedupe`, () => {
    test("[G3] [P-PUB-2] appending with a known key of the same publisher creates nothing and returns the first entry", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const first = await log.append(channel, entry("first", { key: "k" }), policy);
      const again = await log.append(channel, entry("other", { key: "k" }), policy);
      expect(first.duplicate).toBe(false);
      expect(again).toEqual({ publication: first.publication, duplicate: true });
      expect((await log.read(channel, 0, 10, policy)).entries).toHaveLength(1);
    });

    test("[G3] keys and publishers that differ are different keys, even when they differ in half of a surrogate pair", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const texts = ["\ud800", "\ud801", "\udc00", "\ufffd", "\ud800\udc00", "?"];
      for (const text of texts) {
        for (const entry of [
          { event: "n", json: "1", publisher: "p", key: text },
          { event: "n", json: "1", publisher: text, key: "k" },
        ]) {
          expect(await log.append("job:a", entry, policy)).toMatchObject({ duplicate: false });
          expect(await log.append("job:a", entry, policy)).toMatchObject({ duplicate: true });
        }
      }
    });

    test("[G3] an entry has the tag that its append gave, and a duplicate has the tag of the entry first made", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const rollUp = { segments: 1, policy };
      const entry = { event: "n", json: "1", publisher: "p", key: "k" };
      const first = await log.append("job:a", { ...entry, tag: "abcd1234" }, { ...policy, rollUp });
      expect(first.publication.position.tag).toBe("abcd1234");
      const again = await log.append("job:a", { ...entry, tag: "other567" }, { ...policy, rollUp });
      expect(again).toEqual({ ...first, duplicate: true });
      const next = await log.append("job:a", { ...entry, key: "l" }, { ...policy, rollUp });
      expect(next.publication.position.tag).not.toBe("abcd1234");
      expect(next.publication.previousTag).toBe("abcd1234");
      const copies = await log.read("job:*", 0, 10, policy);
      expect(copies.entries.map(({ position }) => position.tag)).not.toContain("abcd1234");
    });

    test("[G3] concurrent appends with the same key create one entry", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, n) => log.append(channel, entry(n, { key: "k" }), policy)),
      );
      expect(all.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(all.map(({ publication }) => publication.position.tag)).size).toBe(1);
    });

    test("the same key of another publisher or channel is a different key", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const used = [
        log.append(channel, entry(1, { key: "bc", publisher: "a" }), policy),
        log.append(channel, entry(2, { key: "c", publisher: "ab" }), policy),
        log.append("contract:other", entry(3, { key: "bc", publisher: "a" }), policy),
      ];
      for (const { duplicate } of await Promise.all(used)) expect(duplicate).toBe(false);
    });

    test("[P-PUB-2] a key is forgotten when its dedupe window ends", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append(channel, entry(1, { key: "k" }), policy);
      await harness.advance(policy.dedupeMs - 1_000);
      expect((await log.append(channel, entry(2, { key: "k" }), policy)).duplicate).toBe(true);
      await harness.advance(2_000);
      expect(await log.find(channel, "somebody", "k", policy)).toBeUndefined();
      expect((await log.append(channel, entry(3, { key: "k" }), policy)).duplicate).toBe(false);
    });

    test("[G3] a key outlives its trimmed entry: a repeated append returns the entry's position, with the data null", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const few = { ...policy, maxEntries: 2 };
      const { publication } = await log.append(channel, entry("gone", { key: "k" }), few);
      await append(log, 5, few);
      const again = await log.append(channel, entry("gone", { key: "k" }), few);
      expect(again).toMatchObject({
        publication: {
          position: publication.position,
          event: publication.event,
          ts: publication.ts,
          json: "null",
        },
        duplicate: true,
      });
    });

    test("[G3] a key is still remembered after its entry has reached its maximum age", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const short = { ...policy, maxAgeMs: 60_000 };
      const { publication } = await log.append(channel, entry(1, { key: "k" }), short);
      await harness.advance(300_000);
      const again = await log.append(channel, entry(1, { key: "k" }), short);
      expect(again.publication.position).toEqual(publication.position);
      expect(again.duplicate).toBe(true);
    });

    test("find returns the entry that a key made, and creates nothing", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const { publication } = await log.append(channel, entry(1, { key: "k" }), policy);
      expect(await log.find(channel, "somebody", "k", policy)).toEqual(publication);
      expect(await log.find(channel, "somebody", "other", policy)).toBeUndefined();
      expect(await log.find(channel, "other", "k", policy)).toBeUndefined();
      expect(await log.find("contract:nothing", "somebody", "k", policy)).toBeUndefined();
    });
  });

  describe(`${name} channel log: retention`, () => {
    test("only the newest entries are kept, and the floor is the position right before them", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const few = { ...policy, maxEntries: 3 };
      const dropped = [];
      for (let n = 1; n <= 200; n++)
        dropped.push((await log.append(channel, entry(n), few)).publication);
      const { entries, floor, head } = await log.read(channel, 0, 100, few);
      expect(offsets(entries)).toEqual([198, 199, 200]);
      expect(floor).toEqual(dropped[196]?.position);
      expect(head.offset).toBe(200);
    });

    test("[P-STORE-2] a log keeps exactly the newest entries whose data fit its maximum number of bytes", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const few = { ...policy, maxBytes: 100 };
      for (const length of [10, 20, 30, 40, 50, 5, 5, 5, 60, 2, 2, 2]) {
        await log.append(channel, entry("x".repeat(length - 2)), few);
        const { entries, head, floor } = await log.read(channel, 0, 1_000, few);
        const sizes = entries.map(({ json }) => json.length);
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(100);
        expect(floor.offset + entries.length).toBe(head.offset);
      }
      const { entries, floor } = await log.read(channel, 0, 1_000, few);
      expect(entries.map(({ json }) => json.length)).toEqual([5, 5, 5, 60, 2, 2, 2]);
      expect(floor).toMatchObject({ offset: 5 });
      expect(floor.tag).not.toBe("0");
    });

    test("[P-STORE-2] bytes are counted as UTF-8, and the newest entry stays even if it alone is over the bound", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const few = { ...policy, maxBytes: 20 };
      for (let n = 0; n < 3; n++) await log.append(channel, entry("éé😀"), few);
      expect(offsets((await log.read(channel, 0, 10, few)).entries)).toEqual([2, 3]);
      await log.append(channel, entry("x".repeat(50)), few);
      expect(offsets((await log.read(channel, 0, 10, few)).entries)).toEqual([4]);
      await log.append(channel, entry("x"), few);
      expect(offsets((await log.read(channel, 0, 10, few)).entries)).toEqual([5]);
    });

    test("[P-STORE-2] trimming by number and by bytes together keeps what both allow", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const few = { ...policy, maxEntries: 5, maxBytes: 100 };
      for (let n = 1; n <= 200; n++) {
        const length = n % 7 === 0 ? 90 : 3;
        await log.append(channel, entry("x".repeat(length)), few);
      }
      const kept = await log.read(channel, 0, 100, few);
      expect(offsets(kept.entries)).toEqual([197, 198, 199, 200]);
      expect(kept.floor.offset).toBe(196);
    });

    test("an entry is kept until its maximum age", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 2);
      await harness.advance(hourMs / 2);
      await append(log, 2);
      await harness.advance(hourMs / 2 - 1);
      expect(offsets((await log.read(channel, 0, 10, policy)).entries)).toEqual([1, 2, 3, 4]);
      await harness.advance(1);
      const { entries, floor } = await log.read(channel, 0, 10, policy);
      expect(offsets(entries)).toEqual([3, 4]);
      expect(floor.offset).toBe(2);
    });

    test("an unused log disappears with its last entry, and the channel's next log has another epoch", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const { publication } = await log.append(channel, entry(1), policy);
      await harness.advance(hourMs + 60_000);
      const { head, entries } = await log.read(channel, 0, 10, policy);
      expect(entries).toEqual([]);
      expect(head.offset).toBe(0);
      expect(head.epoch).not.toBe(publication.position.epoch);
    });

    test("a log that is still read keeps its position after all its entries expired", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const { publication } = await log.append(channel, entry(1), policy);
      for (let i = 0; i < 6; i++) {
        await harness.advance(hourMs / 3);
        await log.read(channel, 1, 1, policy);
      }
      const { entries, head, floor } = await log.read(channel, 0, 10, policy);
      expect(entries).toEqual([]);
      expect(head).toEqual(publication.position);
      expect(floor).toEqual(publication.position);
    });

    test("a peek returns what a snapshot returns, and does not begin a log", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      expect(await log.peek(channel, latest)).toBeUndefined();
      expect(await log.peek(channel, latest)).toBeUndefined();
      const before = await log.snapshot(channel, latest);
      expect(await log.peek(channel, latest)).toEqual(before);
      await log.append(channel, entry(1), latest);
      const after = await log.snapshot(channel, latest);
      expect(after.snapshot?.state).not.toBeNull();
      expect(await log.peek(channel, latest)).toEqual(after);
      await log.purge(channel, latest);
      expect(await log.peek(channel, latest)).toBeUndefined();
    });

    test("a purge deletes entries, state and keys, and the channel's next log has another epoch", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const { publication } = await log.append(channel, entry(1, { key: "k" }), latest);
      await log.purge(channel, latest);
      const { position, snapshot } = await log.snapshot(channel, latest);
      expect(position.offset).toBe(0);
      expect(position.epoch).not.toBe(publication.position.epoch);
      expect(snapshot?.state).toBeNull();
      expect(await log.find(channel, "somebody", "k", latest)).toBeUndefined();
      expect((await log.append(channel, entry(2, { key: "k" }), latest)).duplicate).toBe(false);
    });
  });

  describe(`${name} channel log: ending`, () => {
    const end = (reason: string, rest: Partial<NewEntry> = {}): NewEntry => ({
      event: endEvent,
      json: JSON.stringify({ reason }),
      publisher: "somebody",
      ...rest,
    });

    test("[P-END-1] an end event is the last entry: later appends are rejected, and a second end event returns the first", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 2);
      const first = await log.append(channel, end("over"), policy);
      expect(first).toMatchObject({ duplicate: false, publication: { position: { offset: 3 } } });
      await expect(log.append(channel, entry(4), policy)).rejects.toMatchObject({ code: "ended" });
      const again = await log.append(channel, end("again"), policy);
      expect(again).toEqual({ publication: first.publication, duplicate: true });
      const { entries, head } = await log.read(channel, 0, 10, policy);
      expect(offsets(entries)).toEqual([1, 2, 3]);
      expect(head).toEqual(first.publication.position);
    });

    test("[P-END-1] appends that race with an end event are stored before it or rejected, and two end events store one entry", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 60 }, (_, n) =>
          log.append(channel, n === 30 || n === 45 ? end(`end ${n}`) : entry(n), policy),
        ),
      );
      const { entries, head, end: ended } = await log.read(channel, 0, 100, policy);
      expect(entries.filter(({ event }) => event === endEvent)).toEqual([ended]);
      expect(entries.at(-1)).toEqual(ended);
      expect(head).toEqual(ended?.position);
      const stored = outcomes.filter(
        (outcome) => outcome.status === "fulfilled" && !outcome.value.duplicate,
      );
      expect(stored).toHaveLength(entries.length);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "ended" });
      }
    });

    test("[P-END-1] after an end event, an append with a known key still returns the key's first entry", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const { publication } = await log.append(channel, entry(1, { key: "k" }), policy);
      await log.append(channel, end("over"), policy);
      const again = await log.append(channel, entry(1, { key: "k" }), policy);
      expect(again).toEqual({ publication, duplicate: true });
    });

    test("[P-END-3] an end event leaves the state unchanged, and every later read and snapshot returns the event", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append(channel, entry({ n: 1 }), latest);
      const before = await log.snapshot(channel, latest);
      expect(before.end).toBeUndefined();
      const { publication } = await log.append(channel, end("over"), latest);
      const after = await log.snapshot(channel, latest);
      expect(after).toEqual({
        position: publication.position,
        snapshot: before.snapshot,
        end: publication,
      });
      expect((await log.read(channel, 99, 1, latest)).end).toEqual(publication);
    });

    test("[P-END-3] an end event is returned after its entry expired, as long as the log exists", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const { publication } = await log.append(channel, end("over"), policy);
      for (let i = 0; i < 6; i++) {
        await harness.advance(hourMs / 3);
        await log.read(channel, 0, 1, policy);
      }
      expect(await log.read(channel, 0, 1, policy)).toMatchObject({
        entries: [],
        end: publication,
      });
      await expect(log.append(channel, entry(1), policy)).rejects.toMatchObject({ code: "ended" });
    });

    test("[P-END-6] the log that begins after a purge has not ended", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append(channel, end("over"), policy);
      await log.purge(channel, policy);
      expect((await log.append(channel, entry(1), policy)).publication.position.offset).toBe(1);
      expect((await log.snapshot(channel, policy)).end).toBeUndefined();
    });
  });

  describe(`${name} channel log: state`, () => {
    test("the snapshot of a channel without a projection has a position and no state", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 2);
      const snapshot = await log.snapshot(channel, policy);
      expect(snapshot.position.offset).toBe(2);
      expect(snapshot.snapshot).toBeUndefined();
    });

    test("the state is the fold of the whole log, including trimmed entries", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const keyed = { ...policy, maxEntries: 2, projection: "keyed:id" };
      for (const id of ["a", "b", "c", "d", "c"]) {
        await log.append(
          channel,
          { event: "e", json: JSON.stringify({ id }), publisher: "p" },
          keyed,
        );
      }
      const { snapshot } = await log.snapshot(channel, keyed);
      expect(snapshot?.projection).toBe("keyed:id");
      expect(Object.keys(snapshot?.state as object).sort()).toEqual(["a", "b", "c", "d"]);
    });

    test("[P-STORE-2] the state is the fold of entries that were trimmed by their bytes, too", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const keyed = { ...policy, maxBytes: 1_000_000, projection: "keyed:id" };
      const padding = "x".repeat(100_000);
      for (let n = 0; n < 40; n++)
        await log.append(channel, entry({ id: n % 10, n, padding }), keyed);
      const { position, snapshot } = await log.snapshot(channel, keyed);
      expect(position.offset).toBe(40);
      const state = snapshot?.state as Record<string, { n: number }>;
      expect(
        Object.values(state)
          .map(({ n }) => n)
          .sort(),
      ).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
      const { entries } = await log.read(channel, 39, 10, keyed);
      expect(entries).toHaveLength(1);
    });

    test("a snapshot is atomic: its state belongs to its position while appends go on", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const moments = [];
      const appends = [];
      for (let n = 1; n <= 100; n++) {
        appends.push(log.append(channel, entry({ n }), latest));
        moments.push(log.snapshot(channel, latest));
      }
      await Promise.all(appends);
      for (const { position, snapshot } of await Promise.all(moments)) {
        const state = JSON.stringify(snapshot?.state);
        if (position.offset > 0) expect(state).toContain(`"n":${position.offset}}`);
      }
    });

    test("a duplicate is not folded a second time", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append(channel, entry({ n: 1 }, { key: "k" }), latest);
      await log.append(channel, entry({ n: 2 }), latest);
      await log.append(channel, entry({ n: 1 }, { key: "k" }), latest);
      const { snapshot } = await log.snapshot(channel, latest);
      expect(JSON.stringify(snapshot?.state)).toContain('"n":2}');
    });
  });

  entryOriginContract(name, make);
  rollUpContract(name, make);
}
