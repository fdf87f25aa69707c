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

/** Returns the close code of a connection whose credential was not accepted; 4401 where the error has no better one. */
export function closeCodeOfCredential(error: ErrorCode): CloseCode {
  const code = closeCodeOf(error);
  return code === 4400 ? 4401 : code;
}
