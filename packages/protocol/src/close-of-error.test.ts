import { describe, expect, test } from "vitest";
import { closeCodeOf, closeCodeOfCredential } from "./close-of-error.ts";
import { closeVerdict } from "./close-verdict.ts";
import { type ErrorCode, errorCodes } from "./error-codes.ts";
import { errorOfClose } from "./error-of-close.ts";

const errors = Object.keys(errorCodes) as ErrorCode[];

describe("close codes of errors", () => {
  test.each(errors)(
    "[P-CLOSE-1] a close for %s lets the client reconnect only if that can help",
    (error) => {
      expect(closeVerdict(closeCodeOf(error)) !== "stop").toBe(errorCodes[error].retryable);
    },
  );

  test.each([
    "token_expired",
    "token_revoked",
    "unauthenticated",
    "forbidden",
    "internal",
  ] as const)(
    "[P-CLOSE-1] errorOfClose turns the close code for the error %s back into that error",
    (error) => {
      expect(errorOfClose(closeCodeOf(error))).toBe(error);
    },
  );

  test("[P-CON-2] a store that cannot be read closes the connection with 1013, an unexpected fault with 1011", () => {
    expect([closeCodeOf("store_unavailable"), closeCodeOf("internal")]).toEqual([1013, 1011]);
  });

  test.each([
    ["token_expired", 4101],
    ["token_revoked", 4102],
    ["unauthenticated", 4401],
    ["forbidden", 4401],
    ["bad_message", 4401],
    ["backend_failed", 4401],
    ["store_unavailable", 1013],
    ["shutting_down", 1013],
    ["rate_limited", 1013],
    ["internal", 1011],
  ] as const)(
    "[P-CON-2] a credential that is refused with the error %s closes the connection with %i",
    (error, code) => {
      expect(closeCodeOfCredential(error)).toBe(code);
    },
  );

  test("errorOfClose returns internal for a close code that a proxy chose", () => {
    expect([4999, 1006, 3000].map(errorOfClose)).toEqual(["internal", "internal", "internal"]);
  });
});
