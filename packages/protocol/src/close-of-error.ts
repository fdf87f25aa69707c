import { type CloseCode, closeNames } from "./close-verdict.ts";
import type { ErrorCode } from "./error-codes.ts";
import { errorOfClose } from "./error-of-close.ts";
import { retryableCodes } from "./retryable-codes.ts";

/** Close codes that are never chosen for an error: 1008 belongs to plain feeds, 4429 waits for limits that a client knows. */
const notChosen: ReadonlySet<number> = new Set<CloseCode>([1008, 4429]);

/**
 * Returns the close code of a connection that ends because of an error: the first that stands for it.
 *
 * An unexpected fault closes with 1011. Every other error closes with 1013 when the same may succeed later, and with
 * 4400 otherwise.
 */
export function closeCodeOf(error: ErrorCode): CloseCode {
  if (error === "internal") return 1011;
  for (const code of Object.keys(closeNames).map(Number)) {
    if (errorOfClose(code) === error && !notChosen.has(code)) return code as CloseCode;
  }
  return retryableCodes[error] ? 1013 : 4400;
}

/**
 * Returns the close code of a connection whose credential was not accepted: that of a token or a fault, or else 1013 when
 * the same credential may be accepted later, and 4401 otherwise.
 */
export function closeCodeOfCredential(error: ErrorCode): CloseCode {
  if (ownCode.has(error)) return closeCodeOf(error);
  return retryableCodes[error] ? 1013 : 4401;
}

/** Errors of a credential that keep their own close code. */
const ownCode: ReadonlySet<ErrorCode> = new Set(["token_expired", "token_revoked", "internal"]);
