import fc from "fast-check";
import { expect, test } from "vitest";
import { FirstNames } from "./first-names.ts";

test("[P-CONS-9] a page has the lowest names in order, as a sort of all of them would", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.integer({ min: 1, max: 20 }), (names, size) => {
      const first = new FirstNames<{ channel: string }>(size);
      for (const channel of names) first.add({ channel });
      expect(first.items.map(({ channel }) => channel)).toEqual(
        names.toSorted((a, b) => (a < b ? -1 : 1)).slice(0, size),
      );
    }),
  );
});
