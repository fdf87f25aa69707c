import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";

/** Contract tests of the records that end by themselves; every engine runs them. */
export function recordsContract(name: string, make: MakeEngine): void {
  describe(`${name} records`, () => {
    test("a record is read as it was stored, with its end, until its ttlMs have passed", async () => {
      await using harness = await make();
      const { records } = harness.engine;
      expect(await records.get("session", "a")).toBeUndefined();
      await records.put("session", "a", '{"x": "é\\n "}', 1_000);
      const found = await records.get("session", "a");
      expect(found?.value).toBe('{"x": "é\\n "}');
      await harness.advance(600);
      const later = await records.get("session", "a");
      expect(Math.abs((later?.endsAt ?? 0) - (found?.endsAt ?? 0))).toBeLessThan(50);
      await harness.advance(400);
      expect(await records.get("session", "a")).toBeUndefined();
      expect(await records.take("session", "a")).toBeUndefined();
    });

    test("a record that is stored again has the new value and the new end", async () => {
      await using harness = await make();
      const { records } = harness.engine;
      await records.put("session", "a", "1", 1_000);
      await harness.advance(900);
      await records.put("session", "a", "2", 1_000);
      await harness.advance(900);
      expect((await records.get("session", "a"))?.value).toBe("2");
      await records.put("session", "a", "3", 10);
      await harness.advance(10);
      expect(await records.get("session", "a")).toBeUndefined();
    });

    test("of many concurrent takes of one record, exactly one gets it", async () => {
      await using harness = await make();
      const { records } = harness.engine;
      await records.put("ticket", "t", "v", 1_000);
      const taken = await Promise.all(
        Array.from({ length: 50 }, () => records.take("ticket", "t")),
      );
      expect(taken.filter((found) => found !== undefined)).toMatchObject([{ value: "v" }]);
      expect(await records.get("ticket", "t")).toBeUndefined();
    });

    test("the same name in another space is another record, however space and name are split", async () => {
      await using harness = await make();
      const { records } = harness.engine;
      await records.put("ab", "c", "1", 1_000);
      expect(await records.get("a", "bc")).toBeUndefined();
      await records.put("a", "bc", "2", 1_000);
      await records.put("a", "c", "3", 1_000);
      expect((await records.get("ab", "c"))?.value).toBe("1");
      await records.take("a", "bc");
      expect((await records.get("ab", "c"))?.value).toBe("1");
    });

    test("names may be any text, and names that differ in half of a surrogate pair are different", async () => {
      await using harness = await make();
      const { records } = harness.engine;
      const names = ["", "*", "{a}", "a b\r\n\0", "\ud800", "\ud801", "é", "e\u0301"];
      for (const each of names) await records.put("s", each, JSON.stringify(each), 1_000);
      for (const each of names) {
        expect((await records.get("s", each))?.value).toBe(JSON.stringify(each));
      }
    });

    test("a record with a longer name than 1,024 or a longer value than 32,768 characters is refused", async () => {
      await using harness = await make();
      const { records } = harness.engine;
      await records.put("s", "n".repeat(1_024), "v".repeat(32_768), 1_000);
      const code = "bad_message";
      await expect(records.put("s", "n".repeat(1_025), "v", 1_000)).rejects.toMatchObject({ code });
      await expect(records.put("s", "n", "v".repeat(32_769), 1_000)).rejects.toMatchObject({
        code,
      });
    });
  });
}
