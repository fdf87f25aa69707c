import { type CloseCode, closeNames } from "./close-verdict.ts";
import type { ErrorCode } from "./error-codes.ts";
import { errorOfClose } from "./error-of-close.ts";
import { retryableCodes } from "./retryable-codes.ts";

/**
 * Close codes of WebSocket itself that `closeCodeOf` never returns, since anything in between may send them.
 */
const notChosen: ReadonlySet<number> = new Set<CloseCode>([1000, 1008, 1009]);

/**
 * Returns the close code of a connection that ends because of an error: the lowest code that stands for the
 * error.
 *
 * The error `internal` closes with 1011. An error without a close code of its own closes with 1013 if it is
 * retryable, and with 4400 otherwise.
 */
export function closeCodeOf(error: ErrorCode): CloseCode {
  if (error === "internal") return 1011;
  for (const code of Object.keys(closeNames).map(Number)) {
    if (errorOfClose(code) === error && !notChosen.has(code)) return code as CloseCode;
  }
  return retryableCodes[error] ? 1013 : 4400;
}

/**
 * Returns the close code of a connection whose credential was refused with `error`.
 *
 * `token_expired`, `token_revoked` and `internal` keep their own close code. Every other error closes with 1013
 * if it is retryable, and with 4401 otherwise.
 */
export function closeCodeOfCredential(error: ErrorCode): CloseCode {
  if (ownCode.has(error)) return closeCodeOf(error);
  return retryableCodes[error] ? 1013 : 4401;
}

/** Errors for which a refused credential closes the connection with the error's own close code. */
const ownCode: ReadonlySet<ErrorCode> = new Set(["token_expired", "token_revoked", "internal"]);
