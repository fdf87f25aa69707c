import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { minSigningSecretBytes, signatureToleranceS, signedText } from "@milepost/protocol";

/** Minimum length of a backend's secret, in bytes. */
export const minBackendSecretBytes: number = minSigningSecretBytes;

const maxHeaderLength = 1_024;

/** Signed parts of a request: the time, the method and the exact bytes of the body. */
export interface Signed {
  /** Time of the request, in seconds since 1970. */
  readonly timestamp: number;
  readonly method: string;
  readonly body: string | Uint8Array;
}

/**
 * Returns the value of the signature header: `t=<seconds>,v1=<hex>`. The hex is the HMAC-SHA256, under the
 * secret, of `<seconds>.<method>.<hex SHA-256 of the body>`.
 */
export function signatureOf(secret: string, signed: Signed): string {
  return `t=${signed.timestamp},v1=${hmacOf(secret, signed).toString("hex")}`;
}

/** Received request whose signature a backend wants to verify. */
export interface ReceivedRequest {
  /** Value of the `Milepost-Signature` header as received. */
  readonly header: string | undefined;
  /** Value of `method` in the body, or the method that the request's path is for. */
  readonly method: string;
  /** Body as received, before any parsing. */
  readonly body: string | Uint8Array;
  /** One secret, or the new and the old one during a change. */
  readonly secrets: readonly string[];
  /** Current time, in seconds since 1970; default the machine's clock. */
  readonly now?: number;
  /** Maximum difference between `now` and the time of the request, in seconds; default 300. */
  readonly toleranceS?: number;
}

/**
 * Returns true if the gateway signed this request with one of the secrets and its time is within the tolerance.
 *
 * Compares in constant time and never throws.
 */
export function verifySignature(request: ReceivedRequest): boolean {
  const { header = "", method, body, secrets } = request;
  const { now = Date.now() / 1_000, toleranceS = signatureToleranceS } = request;
  if (header.length > maxHeaderLength) return false;
  const [, seconds = "", hex = ""] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (hex === "") return false;
  const timestamp = Number(seconds);
  if (!(Math.abs(now - timestamp) <= toleranceS)) return false;
  const given = Buffer.from(hex, "hex");
  let valid = false;
  // Every secret is tried, so that the time taken reveals nothing.
  for (const secret of secrets) {
    if (timingSafeEqual(given, hmacOf(secret, { timestamp, method, body }))) valid = true;
  }
  return valid;
}

function hmacOf(secret: string, { timestamp, method, body }: Signed): Buffer {
  const digest = createHash("sha256").update(body).digest("hex");
  return createHmac("sha256", secret)
    .update(signedText(timestamp, method, digest))
    .digest();
}
