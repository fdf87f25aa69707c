import { expect, test } from "vitest";
import { isSampled, readTraceparent, spanIdOf, traceIdOf } from "./trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const valid = `00-${traceId}-${spanId}-01`;

test("[P-TRC-1] a W3C trace context is read with its ids and its flag", () => {
  expect(readTraceparent(valid)).toBe(valid);
  expect(traceIdOf(valid)).toBe(traceId);
  expect(spanIdOf(valid)).toBe(spanId);
  expect(isSampled(valid)).toBe(true);
  expect(isSampled(`00-${traceId}-${spanId}-00`)).toBe(false);
});

test("[P-TRC-1] a later version of a trace context is read as far as version 00 goes", () => {
  expect(readTraceparent(`cc-${traceId}-${spanId}-01-what-comes`)).toBe(valid);
});

test.each([
  undefined,
  7,
  "",
  `ff-${traceId}-${spanId}-01`,
  `00-${"0".repeat(32)}-${spanId}-01`,
  `00-${traceId}-${"0".repeat(16)}-01`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `${valid}-more`,
  `${valid}x`,
  `cc-${traceId}-${spanId}-01x`,
  `${valid}\n`,
  `cc-${traceId}-${spanId}-01-${"x".repeat(600)}`,
])("[P-TRC-1] what is no trace context is ignored: %s", (text) => {
  expect(readTraceparent(text)).toBeUndefined();
});
