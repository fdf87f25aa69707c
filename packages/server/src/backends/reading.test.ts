import { MilepostError } from "@milepost/protocol";
import { expect, test } from "vitest";
import { resultOf } from "./reading.ts";

function errorOf(status: number, text: string, retryAfter?: string): MilepostError {
  const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  try {
    resultOf({ status, headers, text }, "orders.get");
  } catch (error) {
    if (error instanceof MilepostError) return error;
    throw error;
  }
  throw new Error("it has a result");
}

test("[P-RPC-7] a backend makes its callers wait for ten minutes at most", () => {
  expect(errorOf(429, "", "7")).toMatchObject({ code: "rate_limited", retryAfterMs: 7_000 });
  expect(errorOf(503, "", "600").retryAfterMs).toBe(600_000);
  expect(errorOf(503, "", "999999").retryAfterMs).toBe(600_000);
  expect(errorOf(503, "", "9999999").retryAfterMs).toBeUndefined();
  expect(errorOf(503, "", "Sun, 29 Nov 2026 20:00:00 GMT").retryAfterMs).toBeUndefined();
});

test("[P-RPC-7] at most 500 characters of a backend's error text reach the caller", () => {
  expect(errorOf(404, JSON.stringify({ detail: "x".repeat(501) })).message).toBe("x".repeat(500));
  expect(errorOf(404, JSON.stringify({ detail: "no such order" })).message).toBe("no such order");
});
