import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";

/** Contract tests of the names that are used once; every engine runs them. */
export function singleUseContract(name: string, make: MakeEngine): void {
  describe(`${name} single use`, () => {
    test("of many concurrent claims of one name, exactly one succeeds", async () => {
      await using harness = await make();
      const { singleUse } = harness.engine;
      const claims = Array.from({ length: 50 }, () => singleUse.claim("nonce", "n", 1_000));
      expect((await Promise.all(claims)).filter((isFirst) => isFirst)).toHaveLength(1);
    });

    test("a name is used up for its ttlMs, and may be claimed again after it", async () => {
      await using harness = await make();
      const { singleUse } = harness.engine;
      expect(await singleUse.claim("nonce", "n", 1_000)).toBe(true);
      await harness.advance(999);
      expect(await singleUse.claim("nonce", "n", 1_000)).toBe(false);
      await harness.advance(1);
      expect(await singleUse.claim("nonce", "n", 1_000)).toBe(true);
      expect(await singleUse.claim("nonce", "n", 1_000)).toBe(false);
    });

    test("a claim that is refused does not extend the time for which the name is used up", async () => {
      await using harness = await make();
      const { singleUse } = harness.engine;
      await singleUse.claim("nonce", "n", 1_000);
      await harness.advance(500);
      expect(await singleUse.claim("nonce", "n", 60_000)).toBe(false);
      await harness.advance(500);
      expect(await singleUse.claim("nonce", "n", 1_000)).toBe(true);
    });

    test("the same name in another space is another name, however space and name are split", async () => {
      await using harness = await make();
      const { singleUse } = harness.engine;
      expect(await singleUse.claim("ab", "c", 1_000)).toBe(true);
      expect(await singleUse.claim("a", "bc", 1_000)).toBe(true);
      expect(await singleUse.claim("a", "c", 1_000)).toBe(true);
      expect(await singleUse.claim("ab", "c", 1_000)).toBe(false);
    });

    test("names may be any text, and names that differ in half of a surrogate pair are different", async () => {
      await using harness = await make();
      const { singleUse } = harness.engine;
      const names = ["", "*", "{a}", "a b\r\n\0", "\ud800", "\ud801", "é", "e\u0301"];
      for (const each of names) expect(await singleUse.claim("nonce", each, 1_000)).toBe(true);
      for (const each of names) expect(await singleUse.claim("nonce", each, 1_000)).toBe(false);
    });

    test("a name of 256 characters is taken, and a longer one is refused", async () => {
      await using harness = await make();
      const { singleUse } = harness.engine;
      expect(await singleUse.claim("nonce", "n".repeat(256), 1_000)).toBe(true);
      const longer = singleUse.claim("nonce", "n".repeat(257), 1_000);
      await expect(longer).rejects.toMatchObject({ code: "bad_message" });
    });
  });
}
