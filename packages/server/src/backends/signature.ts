import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** The header that carries a {@link signatureOf}. */
export const signatureHeader = "Milepost-Signature";
/** The shortest secret, in bytes. */
export const minBackendSecretBytes = 32;

const defaultToleranceS = 300;
const maxHeaderLength = 1_024;

/** What is signed: the moment, the method and the exact bytes of the body. */
export interface Signed {
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly method: string;
  readonly body: string | Uint8Array;
}

/**
 * The value of the header: `t=<seconds>,v1=<hex>`, where the hex is the HMAC-SHA256, under the secret, of
 * `<seconds>.<method>.<hex SHA-256 of the body>`.
 */
export function signatureOf(secret: string, signed: Signed): string {
  return `t=${signed.timestamp},v1=${hmacOf(secret, signed).toString("hex")}`;
}

/** What a backend knows of a request that says it is from the gateway. */
export interface ReceivedRequest {
  /** The header as it came. */
  readonly header: string | undefined;
  /** The `method` of the body, or the one the path stands for. */
  readonly method: string;
  /** The body as it came, before anything reads it. */
  readonly body: string | Uint8Array;
  /** One, or during a change the new and the old. */
  readonly secrets: readonly string[];
  /** Seconds since 1970; the machine's own when absent. */
  readonly now?: number;
  /** How far the clocks may be apart, and how old a request may be, in seconds; default 300. */
  readonly toleranceS?: number;
}

/** Whether a request is the gateway's and of now. Compares in constant time; never throws. */
export function verifySignature(request: ReceivedRequest): boolean {
  const { header = "", method, body, secrets } = request;
  const { now = Date.now() / 1_000, toleranceS = defaultToleranceS } = request;
  if (header.length > maxHeaderLength) return false;
  const [, seconds = "", hex = ""] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (hex === "") return false;
  const timestamp = Number(seconds);
  if (!(Math.abs(now - timestamp) <= toleranceS)) return false;
  const given = Buffer.from(hex, "hex");
  let valid = false;
  // All are tried, so that the time it takes tells nothing.
  for (const secret of secrets) {
    if (timingSafeEqual(given, hmacOf(secret, { timestamp, method, body }))) valid = true;
  }
  return valid;
}

function hmacOf(secret: string, { timestamp, method, body }: Signed): Buffer {
  const digest = createHash("sha256").update(body).digest("hex");
  return createHmac("sha256", secret).update(`${timestamp}.${method}.${digest}`).digest();
}
