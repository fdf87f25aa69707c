import fc from "fast-check";
import { expect, test } from "vitest";
import { Outbox } from "./outbox.ts";
import { type Report, reportBytes } from "./report.ts";
import { sanitizeReport } from "./sanitize-report.ts";

const roomy = { maxBytes: 1_000_000, maxReports: 10_000 };
const count = fc.option(fc.integer({ min: -1, max: 9 }), { nil: undefined });
const counts = fc.record(
  { done: count, total: count, percent: count, message: fc.constantFrom("a", "äö", 7) },
  { requiredKeys: [] },
);
const reports = fc.oneof(
  fc.record({ event: fc.constant("progress"), data: counts }),
  fc
    .tuple(counts, fc.constantFrom("a", "b"), fc.constantFrom(undefined, "running", "done"))
    .map(([fields, id, status]) => ({
      event: "step",
      data: { id, ...fields, ...(status === undefined ? {} : { status }) },
    })),
  fc
    .record(
      {
        stream: fc.constantFrom("s", "t"),
        append: fc.constantFrom("", "x", "é", 3),
        done: fc.constant(true),
        reset: fc.constant(true),
      },
      { requiredKeys: ["stream"] },
    )
    .map((data) => ({ event: "text", data })),
  fc.constant({ event: "log", data: { message: "line" } }),
  fc.constant({ event: "resumed", data: {} }),
) as fc.Arbitrary<Report>;

function queued(given: readonly Report[], absorbs: boolean) {
  const box = new Outbox(roomy, "run");
  for (const report of given) {
    if (absorbs && box.absorb(report)) continue;
    const { report: valid } = sanitizeReport(report);
    if (valid !== undefined) box.add(valid);
  }
  return box;
}

test("reports that are merged in place wait as those that are merged one by one, and count with about their size", () => {
  fc.assert(
    fc.property(fc.array(reports, { maxLength: 12 }), (given) => {
      const fast = queued(given, true);
      const size = fast.bytes;
      const sent = fast.take(1_000, 1e9).map(({ report }) => report);
      expect(sent).toEqual(
        queued(given, false)
          .take(1_000, 1e9)
          .map(({ report }) => report),
      );
      const exact = sent.reduce((sum, report) => sum + reportBytes(report), 0);
      expect(Math.abs(size - exact)).toBeLessThanOrEqual(8 * given.length);
      fast.settle(sent.length);
      expect(fast.bytes).toBe(0);
    }),
    { numRuns: 2_000 },
  );
});

test("a report that cannot be read is left to the slower path, and the waiting report stays as it is", () => {
  const box = queued([{ event: "progress", data: { done: 1 } }], false);
  const hostile = {
    get done(): number {
      throw new Error("no");
    },
  };
  expect(box.absorb({ event: "progress", data: hostile })).toBe(false);
  expect(box.absorb({ event: "progress", data: { done: 2, percent: Number.NaN } })).toBe(false);
  expect(box.take(1, 1_000)).toMatchObject([{ report: { event: "progress", data: { done: 1 } } }]);
});
