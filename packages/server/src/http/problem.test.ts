import { failure } from "@milepost/protocol";
import { expect, test } from "vitest";
import { problemHeaders, problemOf } from "./problem.ts";

function headersOf(retryAfterMs: number | undefined) {
  const refusal = failure("rate_limited", "too fast");
  const problem = problemOf(
    retryAfterMs === undefined ? refusal : { ...refusal, retry_after_ms: retryAfterMs },
  );
  return problemHeaders(problem);
}

test("the Retry-After header is rounded up, so that no client comes back too early", () => {
  expect(headersOf(1)["Retry-After"]).toBe("1");
  expect(headersOf(1_000)["Retry-After"]).toBe("1");
  expect(headersOf(1_001)["Retry-After"]).toBe("2");
  expect(headersOf(undefined)["Retry-After"]).toBeUndefined();
});

test("a problem with status 401 names the scheme of its credential, and no other does", () => {
  const headers = problemHeaders(problemOf(failure("unauthenticated", "who are you?")));
  expect(headers["WWW-Authenticate"]).toBe("Bearer");
  expect(headersOf(undefined)["WWW-Authenticate"]).toBeUndefined();
});
