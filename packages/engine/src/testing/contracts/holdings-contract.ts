import { describe, expect, test } from "vitest";
import type { Holding } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const mib = 1_048_576;

function of(item: string, bytes: number, rest: Partial<Holding> = {}): Holding {
  return { item, bytes, maxBytes: mib, keepMs: 60_000, ...rest };
}

/** Contract tests of the accounts of what owners hold; every engine runs them. */
export function holdingsContract(name: string, make: MakeEngine): void {
  describe(`${name} holdings`, () => {
    test("[P-STORE-6] an owner holds the sum of its items, each up to its maximum", async () => {
      await using harness = await make();
      const { holdings } = harness.engine;
      expect(await holdings.hold("ada", [of("a", 100), of("b", 50)], 10)).toEqual({
        items: 2,
        bytes: 150,
        refused: 0,
      });
      expect(await holdings.hold("ada", [of("a", 1_000, { maxBytes: 300 })], 10)).toMatchObject({
        items: 2,
        bytes: 350,
      });
      expect(await holdings.hold("ada", [of("a", 1, { maxBytes: 10 })], 10)).toMatchObject({
        bytes: 350,
      });
      expect(await holdings.hold("ada", [], 10)).toMatchObject({ items: 2, bytes: 350 });
      expect(await holdings.hold("bob", [], 10)).toEqual({ items: 0, bytes: 0, refused: 0 });
    });

    test("[P-STORE-6] an item is forgotten after its time, and held again it lives longer", async () => {
      await using harness = await make();
      const { holdings } = harness.engine;
      await holdings.hold("ada", [of("a", 100, { keepMs: 1_000 }), of("b", 10)], 10);
      await harness.advance(600);
      await holdings.hold("ada", [of("a", 0, { keepMs: 1_000 })], 10);
      await harness.advance(600);
      expect(await holdings.hold("ada", [], 10)).toMatchObject({ items: 2, bytes: 110 });
      await harness.advance(400);
      expect(await holdings.hold("ada", [], 10)).toMatchObject({ items: 1, bytes: 10 });
      expect(await holdings.hold("ada", [of("a", 5)], 10)).toMatchObject({ items: 2, bytes: 15 });
    });

    test("[P-STORE-6] a new item beyond the maximum number is refused, and known items still grow", async () => {
      await using harness = await make();
      const { holdings } = harness.engine;
      const all = [of("a", 1), of("b", 1), of("c", 1)];
      expect(await holdings.hold("ada", all, 2)).toEqual({ items: 2, bytes: 2, refused: 1 });
      expect(await holdings.hold("ada", all, 2)).toEqual({ items: 2, bytes: 4, refused: 1 });
    });

    test("[P-STORE-6] concurrent additions are all counted, and owners and items may be any text", async () => {
      await using harness = await make();
      const { holdings } = harness.engine;
      await Promise.all(Array.from({ length: 50 }, () => holdings.hold("ada", [of("a", 2)], 10)));
      expect(await holdings.hold("ada", [], 10)).toMatchObject({ bytes: 100 });
      for (const text of ["", "*", "{a}", "#", "a b\r\n\0", "\ud800", "\ud801"]) {
        expect(await holdings.hold(text, [of(text, 7)], 10)).toMatchObject({ items: 1, bytes: 7 });
      }
    });
  });
}
