import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";

const bounds = { maxTargets: 2, keepMs: 1_000 };

/** Contract tests of the targets at which people who are away are reached; every engine runs them. */
export function targetsContract(name: string, make: MakeEngine): void {
  describe(`${name} targets`, () => {
    test("a target is listed with its owner until it is removed, or keepMs after it was last put", async () => {
      await using harness = await make();
      const { targets } = harness.engine;
      await targets.put("ada", { id: "b", value: "2" }, bounds);
      await targets.put("ada", { id: "a", value: "1" }, bounds);
      await targets.put("bob", { id: "a", value: "é\n" }, bounds);
      expect(await targets.list("ada")).toEqual([
        { id: "a", value: "1" },
        { id: "b", value: "2" },
      ]);
      await harness.advance(600);
      await targets.put("ada", { id: "a", value: "3" }, bounds);
      await harness.advance(400);
      expect(await targets.list("ada")).toEqual([{ id: "a", value: "3" }]);
      expect(await targets.list("bob")).toEqual([]);
      expect(await targets.remove("ada", "a")).toBe(true);
      expect(await targets.remove("ada", "a")).toBe(false);
      expect(await targets.list("ada")).toEqual([]);
    });

    test("[P-REACH-10] an owner has at most maxTargets, and may replace its own; an ended one gives its place back", async () => {
      await using harness = await make();
      const { targets } = harness.engine;
      const put = (id: string) => targets.put("ada", { id, value: id }, bounds);
      const many = await Promise.all(["a", "b", "c", "d"].map(put));
      expect(many.filter((put) => put)).toHaveLength(2);
      const [held] = await targets.list("ada");
      expect(await put(held?.id ?? "")).toBe(true);
      await harness.advance(1_000);
      expect(await put("e")).toBe(true);
    });

    test("[P-REACH-10] a renewal keeps a target for longer, and does not bring back one that was removed", async () => {
      await using harness = await make();
      const { targets } = harness.engine;
      const renewal = { ...bounds, isRenewal: true };
      expect(await targets.put("ada", { id: "a", value: "1" }, renewal)).toBe(false);
      await targets.put("ada", { id: "a", value: "1" }, bounds);
      await harness.advance(600);
      expect(await targets.put("ada", { id: "a", value: "2" }, renewal)).toBe(true);
      await harness.advance(600);
      expect(await targets.list("ada")).toEqual([{ id: "a", value: "2" }]);
      await targets.remove("ada", "a");
      expect(await targets.put("ada", { id: "a", value: "3" }, renewal)).toBe(false);
      expect(await targets.list("ada")).toEqual([]);
    });

    test("owners and ids may be any text, and are told apart however they are split", async () => {
      await using harness = await make();
      const { targets } = harness.engine;
      const names = ["", "*", "{a}", "a b\r\n\0", "\ud800", "\ud801", "é", "e\u0301"];
      for (const each of names) {
        await targets.put(each, { id: each, value: JSON.stringify(each) }, bounds);
      }
      for (const each of names) {
        expect(await targets.list(each)).toEqual([{ id: each, value: JSON.stringify(each) }]);
      }
      await targets.put("ab", { id: "c", value: "1" }, bounds);
      expect(await targets.list("a")).toEqual([]);
    });

    test("a target with a longer name than 1,024 or a longer value than 16,384 characters is refused", async () => {
      await using harness = await make();
      const { targets } = harness.engine;
      await targets.put("o".repeat(1_024), { id: "i", value: "v".repeat(16_384) }, bounds);
      for (const [owner, id, value] of [
        ["o".repeat(1_025), "i", ""],
        ["o", "i".repeat(1_025), ""],
        ["o", "i", "v".repeat(16_385)],
      ] as const) {
        await expect(targets.put(owner, { id, value }, bounds)).rejects.toMatchObject({
          code: "bad_message",
        });
      }
    });
  });
}
