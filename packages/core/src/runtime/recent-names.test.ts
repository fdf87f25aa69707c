import fc from "fast-check";
import { expect, test } from "vitest";
import { RecentNames } from "./recent-names.ts";

test("RecentNames remembers the most recently used names, and returns the value that was set last", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(12), fc.boolean()), { maxLength: 200 }),
      fc.integer({ min: 1, max: 5 }),
      (uses, size) => {
        const recent = new RecentNames<number>(size);
        const model = new Map<string, number>();
        for (const [n, [id, sets]] of uses.entries()) {
          const name = `n${id}`;
          const mustKnow = [...model.keys()].slice(-size).includes(name);
          if (sets) {
            recent.set(name, n);
            model.delete(name);
            model.set(name, n);
            continue;
          }
          const known = recent.get(name);
          if (mustKnow) expect(known).toBe(model.get(name));
          if (known === undefined) continue;
          expect(known).toBe(model.get(name));
          const last = model.get(name) ?? 0;
          model.delete(name);
          model.set(name, last);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test("RecentNames keeps between one and two times its size of names when no name is used again", () => {
  const recent = new RecentNames<number>(100);
  for (let n = 0; n < 10_000; n++) recent.set(`n${n}`, n);
  let known = 0;
  for (let n = 0; n < 10_000; n++) if (recent.get(`n${n}`) !== undefined) known++;
  expect(known).toBeGreaterThanOrEqual(100);
  expect(known).toBeLessThanOrEqual(200);
});

test("RecentNames keeps a name that is used all the time, however many others come", () => {
  const names = new RecentNames<number>(2);
  names.set("kept", 1);
  for (let n = 0; n < 20; n++) {
    names.set(`other ${n}`, n);
    expect(names.get("kept")).toBe(1);
  }
});
