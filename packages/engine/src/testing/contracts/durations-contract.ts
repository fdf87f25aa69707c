import { describe, expect, test } from "vitest";
import type { DurationBounds } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const bounds: DurationBounds = { maxRecords: 3, maxCount: 100, maxKinds: 2, keepMs: 60_000 };

/** Contract tests of the durations of past cases; every engine runs them. */
export function durationsContract(name: string, make: MakeEngine): void {
  describe(`${name} durations`, () => {
    test("[P-EST-9] a kind keeps its newest records, newest first, and the sum of its counts", async () => {
      await using harness = await make();
      const { durations } = harness.engine;
      expect(await durations.get("index")).toBeUndefined();
      for (const record of ["1", "2", "3", "4"]) {
        await durations.add(
          "index",
          { record, counts: { t1: 1, a1: record === "2" ? 1 : 0 } },
          bounds,
        );
      }
      expect(await durations.get("index")).toEqual({
        kind: "index",
        records: ["4", "3", "2"],
        counts: { t1: 4, a1: 1 },
      });
      expect(await durations.get("other")).toBeUndefined();
    });

    test("[P-EST-9] cases that end at the same time all count", async () => {
      await using harness = await make();
      const { durations } = harness.engine;
      const many = { ...bounds, maxRecords: 50 };
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          durations.add("index", { record: `r${i}`, counts: { t: 1 } }, many),
        ),
      );
      const found = await durations.get("index");
      expect(new Set(found?.records).size).toBe(50);
      expect(found?.counts).toEqual({ t: 50 });
    });

    test("[P-EST-9] all counts of a kind are halved when one reaches its maximum", async () => {
      await using harness = await make();
      const { durations } = harness.engine;
      const few = { ...bounds, maxCount: 4 };
      for (let i = 0; i < 5; i++) {
        await durations.add("index", { record: "r", counts: { t: 1, a: i === 0 ? 1 : 0 } }, few);
      }
      expect((await durations.get("index"))?.counts).toEqual({ t: 3, a: 0.5 });
    });

    test("[P-EST-9] beyond the maximum number of kinds, the kind whose last case is the oldest is dropped", async () => {
      await using harness = await make();
      const { durations } = harness.engine;
      const one = { record: "r", counts: { t: 1 } };
      await durations.add("a", one, bounds);
      await harness.advance(10);
      await durations.add("b", one, bounds);
      await harness.advance(10);
      await durations.add("a", one, bounds);
      await harness.advance(10);
      await durations.add("c", one, bounds);
      expect((await durations.list(10)).map(({ kind }) => kind)).toEqual(["c", "a"]);
      expect(await durations.get("b")).toBeUndefined();
      expect(await durations.list(1)).toEqual([{ kind: "c", records: [], counts: { t: 1 } }]);
    });

    test("[P-EST-9] a kind is forgotten when its last case is older than keepMs", async () => {
      await using harness = await make();
      const { durations } = harness.engine;
      const short = { ...bounds, keepMs: 1_000 };
      const one = { record: "r", counts: { t: 1 } };
      await durations.add("a", one, short);
      await harness.advance(600);
      await durations.add("a", one, short);
      await harness.advance(600);
      expect((await durations.get("a"))?.records).toEqual(["r", "r"]);
      await harness.advance(500);
      expect(await durations.get("a")).toBeUndefined();
      expect(await durations.list(10)).toEqual([]);
      await durations.add("a", one, short);
      expect((await durations.get("a"))?.records).toEqual(["r"]);
    });

    test("[P-EST-9] a kind may be any text, and an empty record is one", async () => {
      await using harness = await make();
      const { durations } = harness.engine;
      const all = { ...bounds, maxKinds: 100 };
      const kinds = ["", "*", "{a}", "__proto__", "a b\r\n\0", "\ud800", "\ud801", "é", "e\u0301"];
      for (const [i, kind] of kinds.entries()) {
        await durations.add(kind, { record: "", counts: { t: i } }, all);
      }
      for (const [i, kind] of kinds.entries()) {
        expect(await durations.get(kind)).toEqual({ kind, records: [""], counts: { t: i } });
      }
      expect(new Set((await durations.list(100)).map(({ kind }) => kind))).toEqual(new Set(kinds));
    });

    test("[P-EST-9] a kind, a record or counts that are too long are refused", async () => {
      await using harness = await make();
      const { durations } = harness.engine;
      const code = "bad_message";
      const refused = async (kind: string, record: string, counts: Record<string, number>) =>
        expect(durations.add(kind, { record, counts }, bounds)).rejects.toMatchObject({ code });
      await refused("k".repeat(257), "r", {});
      await refused("k", "r".repeat(1_025), {});
      await refused("k", "a\nb", {});
      await refused("k", "r", { "a b": 1 });
      await refused("k", "r", { a: -1 });
      await refused(
        "k",
        "r",
        Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`c${i}`, 1])),
      );
    });
  });
}
