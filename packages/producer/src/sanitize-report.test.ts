import { parseOperationEvent } from "@milepost/model";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Report } from "./report.ts";
import { sanitizeReport } from "./sanitize-report.ts";

const odd = fc.oneof(
  fc.integer({ min: -5, max: 200 }),
  fc.double(),
  fc.string(),
  fc.constantFrom("running", "done", "skipped", "", undefined, null, true, "x".repeat(5_000)),
  fc.constant({ toJSON: () => "x" }),
);

test("the gateway's parser accepts every sanitized report unchanged", () => {
  const names = ["id", "message", "done", "total", "status", "percent", "title", "unit", "level"];
  const data = fc.dictionary(fc.constantFrom(...names), odd);
  const event = fc.constantFrom("step", "progress", "log", "agent", "waiting");
  fc.assert(
    fc.property(event, data, (name, fields) => {
      const { report } = sanitizeReport({
        event: name,
        data: { id: "a", message: "m", ...fields },
      } as Report);
      if (report === undefined) return;
      const read = parseOperationEvent(report.event, report.data);
      expect(read).toEqual({ ok: true, value: report });
    }),
    { numRuns: 1_000 },
  );
});

test("sanitizing cuts a long message before an emoji, never within it", () => {
  for (const length of [3_997, 3_998, 3_999, 4_000, 4_001]) {
    const text = `${"x".repeat(length)}${"😀".repeat(9)}`;
    const reports: Report[] = [
      { event: "log", data: { message: text } },
      { event: "failed", data: { error: { code: "c", message: text, retryable: false } } },
      { event: "cancelled", data: { reason: text } },
    ];
    for (const report of reports) {
      expect(JSON.stringify(sanitizeReport(report).report)).not.toMatch(/\\ud[89a-f]/);
    }
  }
});

test("sanitizing clamps percentages, cuts long messages and drops numbers that are not finite", () => {
  expect(
    sanitizeReport({ event: "progress", data: { percent: 100.0001, done: Number.NaN } }).report,
  ).toEqual({
    event: "progress",
    data: { percent: 100 },
  });
  const { report } = sanitizeReport({ event: "log", data: { message: "x".repeat(10_000) } });
  expect(report?.event === "log" && report.data.message).toHaveLength(4_000);
});

test("sanitizing removes data that cannot be sent from a log line, keeps the line, and reports the removal", () => {
  const line = (data: unknown) => sanitizeReport({ event: "log", data: { message: "m", data } });
  for (const data of [10n, () => 1, { deep: 10n }, "x".repeat(9_000)]) {
    expect(line(data).report?.data).toEqual({ message: "m" });
    expect(line(data).complaints).toMatchObject([
      { field: "data", message: expect.stringMatching(/^data .* was left out$/) },
    ]);
  }
});
