import { expect, test } from "vitest";
import { maxTextPiece, mergeReports } from "./merge.ts";
import type { Report } from "./report.ts";

const text = (fields: object): Report => ({ event: "text", data: { stream: "answer", ...fields } });

test("pieces of text are joined up to 64 Ki characters", () => {
  const whole = mergeReports(text({ append: "a" }), text({ append: "b".repeat(maxTextPiece - 1) }));
  expect(whole).toEqual(text({ append: `a${"b".repeat(maxTextPiece - 1)}` }));
  expect(
    mergeReports(text({ append: "a" }), text({ append: "b".repeat(maxTextPiece) })),
  ).toBeUndefined();
});

test("a joined piece says that the text began anew, and that it has ended", () => {
  const begun = text({ reset: true, append: "a" });
  expect(mergeReports(begun, text({ append: "b", done: true }))).toEqual(
    text({ reset: true, append: "ab", done: true }),
  );
  expect(mergeReports(text({ append: "a", done: true }), text({ append: "b" }))).toBeUndefined();
  expect(mergeReports(text({ append: "a" }), begun)).toBeUndefined();
});
