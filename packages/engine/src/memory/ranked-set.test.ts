import { expect, test } from "vitest";
import { SeededRandom } from "../testing/seeded-random.ts";
import { RankedSet } from "./ranked-set.ts";

test("a ranked set agrees with a sorted list, whatever is added and removed", () => {
  const random = new SeededRandom(7);
  const set = new RankedSet();
  let list: (readonly [key: number, tie: number])[] = [];
  for (let n = 0; n < 2_000; n++) {
    const key = Math.floor(random.fraction() * 40) - 20;
    const tie = Math.floor(random.fraction() * 4);
    const isKnown = list.some(([k, t]) => k === key && t === tie);
    if (isKnown || random.fraction() < 0.3) {
      expect(set.remove(key, tie)).toBe(isKnown);
      list = list.filter(([k, t]) => k !== key || t !== tie);
    } else {
      set.add(key, tie, `${key} ${tie}`);
      list = [...list, [key, tie] as const].toSorted(([a, b], [c, d]) => a - c || b - d);
    }
    expect(set.size).toBe(list.length);
    expect(set.firstKey()).toBe(list[0]?.[0]);
    const at = Math.floor(random.fraction() * (list.length + 1));
    expect(set.at(at)).toBe(list[at]?.join(" "));
    const before = list.filter(([k, t]) => k < key || (k === key && t < tie)).length;
    expect(set.countBefore(key, tie)).toBe(before);
  }
});

test("a ranked set that grows in order stays shallow: ranks in 100,000 texts need no walk", () => {
  const set = new RankedSet();
  for (let n = 0; n < 100_000; n++) set.add(n, 0, `${n}`);
  // A tree without balance would overflow the stack here.
  for (let n = 0; n < 100_000; n += 997) expect(set.countBefore(n)).toBe(n);
  for (let n = 0; n < 50_000; n++) set.remove(n, 0);
  expect(set.at(0)).toBe("50000");
});
