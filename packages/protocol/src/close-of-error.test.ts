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
  ] as const)("[P-CLOSE-1] the close code of %s stands for the same error again", (error) => {
    expect(errorOfClose(closeCodeOf(error))).toBe(error);
  });

  test("[P-CON-2] a store that cannot be read closes with 1013, an unexpected fault with 1011", () => {
    expect([closeCodeOf("store_unavailable"), closeCodeOf("internal")]).toEqual([1013, 1011]);
  });

  test("[P-CON-2] a credential that a verifier refuses for another reason closes with 4401", () => {
    const codes = (["unauthenticated", "not_found", "bad_message"] as const).map(
      closeCodeOfCredential,
    );
    expect(codes).toEqual([4401, 4401, 4401]);
  });

  test("a close code of somebody in between stands for an internal error", () => {
    expect([4999, 1006, 3000].map(errorOfClose)).toEqual(["internal", "internal", "internal"]);
  });
});
