import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeReports } from "./merge-reports.ts";
import type { ProjectionEntry } from "./projection.ts";
import { reduceOperation } from "./reduce-operation.ts";
import {
  type AnyEvent,
  anyEvent,
  anyEventOf,
  happened,
  logOf,
} from "./testing/any-operation-entry.ts";

/** Merges neighbouring entries while mergeReports allows it. */
function merged(log: readonly ProjectionEntry[]): ProjectionEntry[] {
  const out: ProjectionEntry[] = [];
  for (const entry of log) {
    const [first, earlier] = [out.at(-2), out.at(-1)];
    const alike = first?.event === entry.event && earlier?.event === entry.event;
    const data = alike
      ? mergeReports(String(entry.event), first.data, earlier.data, entry.data)
      : undefined;
    if (data === undefined) out.push(entry);
    else out[out.length - 1] = { ...entry, data };
  }
  return out;
}

const run: fc.Arbitrary<readonly AnyEvent[]> = fc
  .constantFrom("step", "progress", "agent", "text", "waiting" as const)
  .chain((name) => fc.array(anyEventOf(name as "step"), { minLength: 1, maxLength: 8 }))
  .chain((events) =>
    fc.boolean().map((alike) => {
      const { id, stream } = (events[0]?.data ?? {}) as { id?: string; stream?: string };
      const same = {
        ...(id !== undefined && { id }),
        ...(stream !== undefined && { stream }),
      };
      return alike
        ? events.map(({ event, data }) => ({ event, data: { ...(data as object), ...same } }))
        : events;
    }),
  );

test("[P-OUT-3] a merged log folds to the same state as the full log at the position of each merged entry", () => {
  let entries = 0;
  let rest = 0;
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          { weight: 3, arbitrary: run },
          anyEvent.map((event) => [event]),
        ),
        {
          maxLength: 12,
        },
      ),
      (runs) => {
        const created = happened("created", { operation_id: "9", kind: "index" });
        const log = logOf([created, ...runs.flat()]);
        const less = merged(log);
        entries += log.length;
        rest += less.length;
        let at = 0;
        let state = reduceOperation(undefined, { event: "", data: {}, ts: 0, offset: 0 });
        let seen = state;
        for (const entry of less) {
          seen = reduceOperation(seen, entry);
          for (; at < log.length && (log[at]?.offset ?? 0) <= entry.offset; at++) {
            const next = log[at];
            if (next !== undefined) state = reduceOperation(state, next);
          }
          expect(seen).toEqual(state);
        }
        expect(at).toBe(log.length);
      },
    ),
    { numRuns: 2_000 },
  );
  expect(rest).toBeLessThan(entries * 0.95);
});

test("mergeReports merges reports that continue a step, a count or a text, but no report that begins or resets one", () => {
  const two = (event: string, first: object, earlier: object, later: object) =>
    mergeReports(event, first, earlier, later);
  const a = { id: "a" };
  expect(two("step", a, { ...a, percent: 5 }, { ...a, percent: 4, message: "m" })).toEqual({
    ...a,
    percent: 5,
    message: "m",
  });
  expect(two("step", a, a, { ...a, status: "done" })).toBeUndefined();
  expect(two("step", a, a, { id: "b" })).toBeUndefined();
  expect(two("step", { id: "b" }, a, a)).toBeUndefined();
  expect(two("progress", {}, { percent: 5 }, { percent: 1, reset: true })).toBeUndefined();
  expect(two("progress", {}, { done: 5 }, { done: 6 })).toEqual({ done: 6 });
  expect(two("progress", {}, { done: 6 }, { done: 5 })).toBeUndefined();
  const s = { stream: "s" };
  expect(two("text", s, { ...s, append: "a" }, { ...s, append: "b", done: true })).toEqual({
    ...s,
    append: "ab",
    done: true,
  });
  expect(two("text", s, { ...s, append: "a" }, { ...s, reset: true })).toBeUndefined();
  const long = { ...s, append: "x".repeat(200_000) };
  expect(two("text", s, long, long)).toBeUndefined();
  expect(two("log", { message: "" }, { message: "" }, { message: "" })).toBeUndefined();
  expect(two("step", a, { id: 5 }, a)).toBeUndefined();
});
