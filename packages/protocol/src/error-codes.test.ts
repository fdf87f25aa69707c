import { describe, expect, it } from "vitest";
import { errorCodes } from "./error-codes.ts";
import { isErrorCode, retryableCodes } from "./retryable-codes.ts";

describe("the table of errors", () => {
  it("[P-SRV-2] may be retried as the table without texts says", () => {
    const flags = Object.entries(errorCodes).map(([code, { retryable }]) => [code, retryable]);
    expect(Object.entries(retryableCodes)).toEqual(flags);
  });

  it.each(Object.entries(errorCodes))("[P-SRV-2] says of %s what it is", (code, entry) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(entry.description).toMatch(/^[A-Z].*\.$/);
    expect(entry.status).toBeGreaterThanOrEqual(400);
    expect(entry.status).toBeLessThan(600);
  });

  it("[P-SRV-2] calls retryable what the service or the moment is to blame for", () => {
    const retryable = Object.entries(errorCodes).flatMap(([code, entry]) =>
      entry.retryable ? [code] : [],
    );
    expect(retryable).toEqual([
      "token_expired",
      "token_revoked",
      "too_many_connections",
      "rate_limited",
      "timed_out",
      "shutting_down",
      "unavailable",
      "store_unavailable",
      "internal",
    ]);
  });

  it("knows its own codes and no others", () => {
    expect(Object.keys(errorCodes).every(isErrorCode)).toBe(true);
    for (const other of ["", "nope", "toString", "__proto__", "constructor", 7, null, undefined]) {
      expect(isErrorCode(other)).toBe(false);
    }
  });
});
