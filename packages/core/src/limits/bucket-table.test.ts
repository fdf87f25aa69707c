import { expect, test } from "vitest";
import { BucketTable } from "./bucket-table.ts";

class Used {
  until = 0;
  isFresh(now: number): boolean {
    return this.until <= now;
  }
}

test("a table returns the same bucket for a name while the bucket is not full", () => {
  const table = new BucketTable(10, () => new Used());
  table.of("a", 0).until = 5;
  expect(table.of("a", 0).until).toBe(5);
  expect(table.of("b", 0).until).toBe(0);
});

test("a table forgets only full buckets when it runs out of room", () => {
  const table = new BucketTable(2_000, () => new Used());
  for (let n = 0; n < 2_000; n++) table.of(`name-${n}`, 0).until = n < 500 ? 100 : 1;
  for (let n = 0; n < 1_000; n++) table.of(`later-${n}`, 50).until = 60;
  for (let n = 0; n < 500; n++) expect(table.of(`name-${n}`, 50).until).toBe(100);
  expect(table.size).toBeLessThanOrEqual(2_000);
});

test("names beyond a table of used buckets share buckets, so that none of them starts anew", () => {
  const table = new BucketTable(1_024, () => new Used());
  for (let n = 0; n < 1_024; n++) table.of(`name-${n}`, 0).until = 1_000;
  table.of("late", 0).until = 700;
  for (let n = 0; n < 5_000; n++) table.of(`other-${n}`, 0);
  expect(table.of("late", 0).until).toBe(700);
  expect(table.size).toBe(1_024);
});

test("a table has room for other names once its buckets are full again", () => {
  const table = new BucketTable(1_024, () => new Used());
  for (let n = 0; n < 1_024; n++) table.of(`name-${n}`, 0).until = 10;
  for (let n = 0; n < 5_000; n++) table.of(`late-${n}`, 20);
  expect(table.of("fresh", 20).until).toBe(0);
  expect(table.size).toBeLessThanOrEqual(1_024);
});
