import type { Position } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { ChannelLog, LogPolicy, NewEntry } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const hourMs = 3_600_000;
const channel = "contract:compacted";
const policy: LogPolicy = { maxEntries: 10, maxAgeMs: hourMs, dedupeMs: 600_000, compacted: true };

function entry(n: unknown, rest: Partial<NewEntry> = {}): NewEntry {
  return { event: "update", json: JSON.stringify(n), publisher: "somebody", ...rest };
}

/** Appends entries 1 to `count` and returns their positions. */
async function append(log: ChannelLog, count: number, used = policy): Promise<Position[]> {
  const positions: Position[] = [];
  for (let n = 1; n <= count; n++) {
    positions.push((await log.append(channel, entry(n), used)).publication.position);
  }
  return positions;
}

async function kept(log: ChannelLog, used = policy): Promise<unknown[]> {
  const { entries } = await log.read(channel, 0, 1_000, used);
  return entries.map(({ json }) => JSON.parse(json));
}

function snapshot(replaces: Position | undefined, value: unknown = "snapshot"): NewEntry {
  return entry(value, {
    event: "snapshot",
    compaction: replaces === undefined ? {} : { replaces },
  });
}

/** Contract tests of logs that only compaction trims; every engine runs them. */
export function compactedLogContract(name: string, make: MakeEngine): void {
  describe(`${name} compacted log`, () => {
    test("[P-STORE-8] a compacted log drops no entry for its number, and refuses one more as store_full", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 10);
      const refused = log.append(channel, entry(11), policy);
      await expect(refused).rejects.toMatchObject({ code: "store_full", retryable: true });
      expect(await kept(log)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    test("[P-STORE-8] a compacted log drops no entry for its size, and refuses what exceeds it as store_full", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const small = { ...policy, maxBytes: 1_000 };
      await log.append(channel, entry("a".repeat(598)), small);
      await log.append(channel, entry("b".repeat(398)), small);
      const refused = log.append(channel, entry(1), small);
      await expect(refused).rejects.toMatchObject({ code: "store_full" });
      expect(await kept(log, small)).toHaveLength(2);
    });

    test("[P-STORE-8] a compacted log drops no entry for its age while it is used, and disappears as a whole", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await append(log, 1);
      await harness.advance(0.9 * hourMs);
      await log.append(channel, entry(2), policy);
      await harness.advance(0.9 * hourMs);
      expect(await kept(log)).toEqual([1, 2]);
      await harness.advance(1.1 * hourMs);
      expect(await log.peek(channel, policy)).toBeUndefined();
    });

    test("[P-STORE-8] an entry that replaces others drops them in the same step, and keeps those appended since", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const positions = await append(log, 10);
      const { publication } = await log.append(channel, snapshot(positions[6]), policy);
      expect(publication.position.offset).toBe(11);
      expect(await kept(log)).toEqual([8, 9, 10, "snapshot"]);
      const { floor } = await log.read(channel, 0, 1, policy);
      expect(floor).toEqual(positions[6]);
      await append(log, 6);
      await expect(log.append(channel, entry(7), policy)).rejects.toMatchObject({
        code: "store_full",
      });
    });

    test("[P-STORE-8] the bytes of the entries that were replaced are free again, and those of the others are not", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const small = { ...policy, maxBytes: 1_000 };
      const text = (length: number) => "x".repeat(length - 2);
      const { publication } = await log.append(channel, entry(text(400)), small);
      await log.append(channel, entry(text(400)), small);
      await log.append(channel, snapshot(publication.position, text(100)), small);
      await log.append(channel, entry(text(500)), small);
      const refused = log.append(channel, entry(1), small);
      await expect(refused).rejects.toMatchObject({ code: "store_full" });
    });

    test("the entries of one compaction fit into a full log, and nothing is dropped before the last", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const positions = await append(log, 10);
      await log.append(channel, snapshot(undefined, "part 1"), policy);
      expect(await kept(log)).toHaveLength(11);
      await log.append(channel, snapshot(positions[9], "part 2"), policy);
      expect(await kept(log)).toEqual(["part 1", "part 2"]);
    });

    test("an entry that replaces what another compaction has replaced drops nothing more", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const positions = await append(log, 8);
      await log.append(channel, snapshot(positions[5], "first"), policy);
      await log.append(channel, snapshot(positions[2], "late"), policy);
      expect(await kept(log)).toEqual([7, 8, "first", "late"]);
    });

    test("an entry that replaces entries of another life or with another tag is refused, and drops nothing", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const positions = await append(log, 5);
      const [, second = { epoch: "", offset: 0, tag: "" }] = positions;
      for (const replaces of [
        { ...second, epoch: "another" },
        { ...second, tag: "another" },
        { ...second, offset: 5 },
        { ...second, offset: 6 },
      ]) {
        const refused = log.append(channel, snapshot(replaces), policy);
        await expect(refused).rejects.toMatchObject({ code: "not_possible_now" });
      }
      expect(await kept(log)).toEqual([1, 2, 3, 4, 5]);
    });

    test("a known key returns its entry even when the log is full", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append(channel, entry(0, { key: "k" }), policy);
      await append(log, 9);
      const again = await log.append(channel, entry(0, { key: "k" }), policy);
      expect(again).toMatchObject({ duplicate: true, publication: { position: { offset: 1 } } });
    });

    test("the roll-up of a compacted log is trimmed as any other", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const above = { maxEntries: 3, maxAgeMs: hourMs, dedupeMs: 600_000 };
      const rolled = { ...policy, rollUp: { segments: 1, policy: above } };
      await append(log, 5, rolled);
      expect(await kept(log, rolled)).toHaveLength(5);
      const { entries } = await log.read("contract:*", 0, 100, above);
      expect(entries.map(({ json }) => json)).toEqual(["3", "4", "5"]);
    });
  });
}
