import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Seen } from "../ports/inbox.ts";
import { mergeSeen } from "./merge-seen.ts";

const seen = (offset: number): Seen => ({
  at: offset,
  positions: [{ channel: "c", epoch: "e", offset, tag: `t${offset}`, at: offset }],
});

test("[P-INB-9] whatever the order in which devices report, what a user has seen is the furthest", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1 }), (offsets) => {
      let kept: Seen = { positions: [] };
      let before = 0;
      for (const offset of offsets) {
        kept = mergeSeen(kept, seen(offset), 9);
        const [position] = kept.positions;
        expect(position?.offset).toBeGreaterThanOrEqual(before);
        before = position?.offset ?? 0;
      }
      expect(kept).toEqual(seen(Math.max(...offsets)));
    }),
  );
});
