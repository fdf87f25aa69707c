import { endEvent } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { LogPolicy } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";
import { entry, latest, offsets, policy } from "./log-entries.ts";

/** Contract tests of the roll-ups of the channel log. */
export function rollUpContract(name: string, make: MakeEngine): void {
  describe(`${name} channel log: roll-ups`, () => {
    const rolledUp: LogPolicy = { ...latest, rollUp: { segments: 2, policy } };

    test("[P-WILD-2] an entry appended below a prefix is copied to the prefix's log, with its source", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const { publication } = await log.append(
        "contract:up:doc:7",
        { event: "odd", json: '{"b":1.50}', publisher: "p", priority: "high", key: "k" },
        rolledUp,
      );
      expect(publication).not.toHaveProperty("source");
      const { entries, head } = await log.read("contract:up:*", 0, 10, policy);
      const { event, json, ts, priority } = publication;
      const copied = { event, json, ts, priority };
      expect(entries).toMatchObject([
        { channel: "contract:up:*", source: "contract:up:doc:7", ...copied },
      ]);
      expect(head).toEqual(entries[0]?.position);
      expect(head.epoch).not.toBe(publication.position.epoch);
      const own = await log.read("contract:up:doc:7", 0, 10, rolledUp);
      expect(own.entries).toEqual([publication]);
    });

    test("[P-WILD-7] an entry appended to the channel of the prefix itself is copied to the prefix's log, once", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append("contract:up", entry(1, { key: "k" }), rolledUp);
      await log.append("contract:up", entry(1, { key: "k" }), rolledUp);
      await log.append("contract:up:a", entry(2), rolledUp);
      const { entries } = await log.read("contract:up:*", 0, 10, policy);
      expect(entries.map(({ source, json }) => [source, json])).toEqual([
        ["contract:up", "1"],
        ["contract:up:a", "2"],
      ]);
      const own = await log.read("contract:up", 0, 10, rolledUp);
      expect(own.entries.map(({ json }) => json)).toEqual(["1"]);
    });

    test("[P-WILD-2] [G1] the copies have one order without a gap, which keeps the order of each source", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const sources = ["contract:up:a", "contract:up:b", "contract:up:c:d"];
      await Promise.all(
        Array.from({ length: 60 }, (_, n) => log.append(sources[n % 3] ?? "", entry(n), rolledUp)),
      );
      await log.append("contract:elsewhere:a", entry(60), rolledUp);
      const { entries } = await log.read("contract:up:*", 0, 100, policy);
      expect(offsets(entries)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
      const tags = entries.map(({ position }) => position.tag);
      expect(entries.slice(1).map(({ previousTag }) => previousTag)).toEqual(tags.slice(0, -1));
      for (const source of sources) {
        const copies = entries.filter((copy) => copy.source === source).map(({ json }) => json);
        const own = await log.read(source, 0, 100, rolledUp);
        expect(copies).toEqual(own.entries.map(({ json }) => json));
      }
    });

    test("[P-WILD-3] [G3] a duplicate makes no copy, and the same key in another source of the roll-up is no duplicate", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append("contract:up:a", entry(1, { key: "k" }), rolledUp);
      const again = await log.append("contract:up:a", entry(2, { key: "k" }), rolledUp);
      const other = await log.append("contract:up:b", entry(3, { key: "k" }), rolledUp);
      expect([again.duplicate, other.duplicate]).toEqual([true, false]);
      const { entries } = await log.read("contract:up:*", 0, 10, policy);
      expect(entries.map(({ json }) => json)).toEqual(["1", "3"]);
      expect(await log.find("contract:up:*", "somebody", "k", policy)).toBeUndefined();
    });

    test("[P-END-1] the end event of a source is not copied, and the roll-up and other sources accept further entries", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append("contract:up:a", entry(1), rolledUp);
      const end = { event: endEvent, json: '{"reason":"over"}', publisher: "p" };
      await log.append("contract:up:a", end, rolledUp);
      await expect(log.append("contract:up:a", entry(2), rolledUp)).rejects.toMatchObject({
        code: "ended",
      });
      await log.append("contract:up:b", entry(3), rolledUp);
      const rollUp = await log.read("contract:up:*", 0, 10, policy);
      expect(rollUp.entries.map(({ json }) => json)).toEqual(["1", "3"]);
      expect(rollUp.end).toBeUndefined();
    });

    test("[P-WILD-5] a roll-up is retained by its own policy and has no state", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const few: LogPolicy = { ...policy, maxEntries: 2 };
      const mixed: LogPolicy = { ...latest, rollUp: { segments: 1, policy: few } };
      for (let n = 1; n <= 5; n++) await log.append(`contract:${n % 2}:x`, entry(n), mixed);
      const { entries, floor } = await log.read("contract:*", 0, 10, few);
      expect(offsets(entries)).toEqual([4, 5]);
      expect(floor.offset).toBe(3);
      const { position, snapshot } = await log.snapshot("contract:*", few);
      expect([position.offset, snapshot]).toEqual([5, undefined]);
      expect((await log.snapshot("contract:0:x", mixed)).snapshot).toBeDefined();
    });

    test("a purge of a source keeps its copies, and a purge of a roll-up keeps the sources", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append("contract:up:a", entry(1), rolledUp);
      await log.purge("contract:up:a", rolledUp);
      expect((await log.read("contract:up:*", 0, 10, policy)).entries).toHaveLength(1);
      await log.append("contract:up:a", entry(2), rolledUp);
      await log.purge("contract:up:*", policy);
      expect((await log.read("contract:up:*", 0, 10, policy)).entries).toEqual([]);
      expect((await log.read("contract:up:a", 0, 10, rolledUp)).entries).toHaveLength(1);
    });
  });
}
