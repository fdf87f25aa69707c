import { describe, expect, it } from "vitest";
import { errorCodes } from "./error-codes.ts";
import { isErrorCode, retryableCodes } from "./retryable-codes.ts";

describe("the table of error codes", () => {
  it("[P-SRV-2] retryableCodes marks the same codes retryable as the full table of errors", () => {
    const flags = Object.entries(errorCodes).map(([code, { retryable }]) => [code, retryable]);
    expect(Object.entries(retryableCodes)).toEqual(flags);
  });

  it.each(Object.entries(errorCodes))(
    "[P-SRV-2] the error code %s has a well-formed name, an HTTP error status and a description of one sentence",
    (code, entry) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(entry.description).toMatch(/^[A-Z].*\.$/);
      expect(entry.status).toBeGreaterThanOrEqual(400);
      expect(entry.status).toBeLessThan(600);
    },
  );

  it("[P-SRV-2] exactly the errors of the gateway, of a passing condition or of an outdated token are retryable", () => {
    const retryable = Object.entries(errorCodes).flatMap(([code, entry]) =>
      entry.retryable ? [code] : [],
    );
    expect(retryable).toEqual([
      "token_expired",
      "token_not_yet_valid",
      "token_revoked",
      "busy",
      "too_many_connections",
      "rate_limited",
      "timed_out",
      "shutting_down",
      "unavailable",
      "store_unavailable",
      "store_full",
      "queue_full",
      "internal",
    ]);
  });

  it("isErrorCode accepts every code of the table and nothing else", () => {
    expect(Object.keys(errorCodes).every(isErrorCode)).toBe(true);
    for (const other of ["", "nope", "toString", "__proto__", "constructor", 7, null, undefined]) {
      expect(isErrorCode(other)).toBe(false);
    }
  });
});
