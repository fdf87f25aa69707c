import { describe, expect, it } from "vitest";
import { type ErrorCode, errorCodes } from "./error-codes.ts";
import { failure, knownFailure, MilepostError } from "./failure.ts";

const codes = Object.keys(errorCodes) as ErrorCode[];

describe("failures and MilepostError", () => {
  it.each(codes)(
    "[P-SRV-2] a failure with code %s is retryable as the table of errors says",
    (code) => {
      expect(failure(code, "why")).toEqual({
        code,
        message: "why",
        retryable: errorCodes[code].retryable,
      });
    },
  );

  it.each(codes)(
    "a failure with code %s stays the same when it is thrown as a MilepostError and converted back",
    (code) => {
      const before = failure(code, "why", 250);
      const error = MilepostError.from(before);
      expect(error).toBeInstanceOf(Error);
      expect(error.name).toBe("MilepostError");
      expect(error.toFailure()).toEqual(before);
    },
  );

  it("a MilepostError carries its cause", () => {
    const cause = new Error("below");
    expect(new MilepostError("internal", "above", { cause }).cause).toBe(cause);
  });

  it.each([
    [true, "internal"],
    [false, "not_supported"],
  ])(
    "an unknown error code with retryable %s becomes %s, and the message contains the unknown code",
    (retryable, code) => {
      const foreign = { code: "__proto__", message: "why", retryable, retry_after_ms: 5 };
      const known = { code, message: "__proto__: why", retryable, retry_after_ms: 5 };
      expect(knownFailure(foreign)).toEqual(known);
      expect(MilepostError.from(foreign).toFailure()).toEqual(known);
    },
  );
});

it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
  "a failure and an error leave out a wait of %d ms, for which nobody can wait",
  (retryAfterMs) => {
    expect(failure("rate_limited", "why", retryAfterMs)).not.toHaveProperty("retry_after_ms");
    const error = new MilepostError("rate_limited", "why", { retryAfterMs });
    expect(error.retryAfterMs).toBeUndefined();
    expect(error.toFailure()).not.toHaveProperty("retry_after_ms");
  },
);
