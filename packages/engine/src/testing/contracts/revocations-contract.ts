import { describe, expect, test } from "vitest";
import type { Revocation } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const hourMs = 3_600_000;

function revocation(id: string): Revocation {
  return { of: "user", id, at: 1, until: 2, grants: ["chat:*"] };
}

/** Contract tests of the revocations; every engine runs them. */
export function revocationsContract(name: string, make: MakeEngine): void {
  describe(`${name} revocations`, () => {
    test("[G10] revocations are read in the order they were added, each once, after the cursor", async () => {
      await using harness = await make();
      const { revocations } = harness.engine;
      const empty = await revocations.read();
      expect(empty.revocations).toEqual([]);
      await revocations.add(revocation("a"), hourMs);
      await revocations.add(revocation("b"), hourMs);
      const first = await revocations.read(empty.cursor);
      expect(first.revocations).toEqual([revocation("a"), revocation("b")]);
      expect(await revocations.read(first.cursor)).toEqual({ ...first, revocations: [] });
      await revocations.add(revocation("a"), hourMs);
      expect((await revocations.read(first.cursor)).revocations).toEqual([revocation("a")]);
      expect((await revocations.read()).revocations.map(({ id }) => id).at(-1)).toBe("a");
    });

    test("a page has up to 1,000 revocations, and the next page has the rest", async () => {
      await using harness = await make();
      const { revocations } = harness.engine;
      for (let n = 0; n < 1_005; n++) await revocations.add(revocation(`u${n}`), hourMs);
      const first = await revocations.read();
      const second = await revocations.read(first.cursor);
      expect([first.revocations.length, second.revocations.length]).toEqual([1_000, 5]);
      expect(second.revocations[0]).toEqual(revocation("u1000"));
    });

    test("[G10] revocations are remembered for their ttlMs and then forgotten", async () => {
      await using harness = await make();
      const { revocations } = harness.engine;
      await revocations.add(revocation("short"), hourMs);
      await revocations.add(revocation("long"), 3 * hourMs);
      await harness.advance(2 * hourMs);
      expect((await revocations.read()).revocations).toEqual([revocation("long")]);
      await revocations.add(revocation("new"), hourMs);
      const { revocations: kept } = await revocations.read();
      expect(kept).toEqual([revocation("long"), revocation("new")]);
    });

    test("a cursor from before the store lost its data reads from the first revocation", async () => {
      await using known = await make();
      for (const id of ["a", "b", "c"]) {
        await known.engine.revocations.add(revocation(id), hourMs);
      }
      const { cursor } = await known.engine.revocations.read();
      await using forgot = await make();
      await forgot.engine.revocations.add(revocation("d"), hourMs);
      const { revocations } = await forgot.engine.revocations.read(cursor);
      expect(revocations).toEqual([revocation("d")]);
    });
  });
}
