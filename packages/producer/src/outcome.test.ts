import { expect, test } from "vitest";
import { describeError } from "./outcome.ts";

test("the code of an error is cut to 64 characters without splitting an emoji", () => {
  const code = `${"x".repeat(63)}😀`;
  expect(describeError({ code }, false)).toMatchObject({ code: "x".repeat(63) });
  expect(describeError({ code: `${"x".repeat(62)}😀y` }, false).code).toBe(`${"x".repeat(62)}😀`);
});
