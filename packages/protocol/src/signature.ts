import { type Parsed, parsed, refused } from "./failure.ts";

/** Name of the header that carries the signature of a whole request. */
export const signatureHeader = "Milepost-Signature";

/** Minimum length of a secret that signs, in bytes: the length of the hash. */
export const minSigningSecretBytes = 32;

/** Default for the largest difference between the time of a signature and the verifier's clock, in seconds. */
export const signatureToleranceS = 300;

/** Parts of a signature, as one text carries them. */
export interface Signature {
  /** Time of signing, in seconds since 1970. */
  readonly timestamp: number;
  /** Text that the signer uses once: 16 to 64 letters, digits, `_` or `-`. */
  readonly nonce: string;
  /** Name of the secret: 1 to 64 letters, digits, `_`, `.`, `~` or `-`. */
  readonly keyId: string;
  /** SHA-256 of the publication's dedupe key in hex; absent without a key, and for the signature of a request. */
  readonly keyHash?: string;
  /** HMAC-SHA256 in hex. */
  readonly mac: string;
}

const grammar =
  /^t=(\d{1,12}),n=([A-Za-z0-9_-]{16,64}),k=([A-Za-z0-9_.~-]{1,64})(?:,i=([0-9a-f]{64}))?,v1=([0-9a-f]{64})$/;
/** Longest text that {@link parseSignature} accepts, in characters. */
export const maxSignatureLength = 300;

/** Writes a signature: `t=<seconds>,n=<nonce>,k=<key id>,i=<hash of the dedupe key>,v1=<hex>`, without `i` if there is none. */
export function formatSignature({ timestamp, nonce, keyId, keyHash, mac }: Signature): string {
  const of = keyHash === undefined ? "" : `,i=${keyHash}`;
  return `t=${timestamp},n=${nonce},k=${keyId}${of},v1=${mac}`;
}

/**
 * Parses a signature. Refuses with `bad_message` every other order of the parts, unknown parts and repeated ones,
 * so that two different texts never stand for one signature.
 */
export function parseSignature(text: unknown): Parsed<Signature> {
  const found =
    typeof text === "string" && text.length <= maxSignatureLength ? grammar.exec(text) : null;
  if (found === null) {
    return refused(
      "bad_message",
      "must be a signature: t=<seconds>,n=<nonce>,k=<key id>,v1=<hex>, in this order",
    );
  }
  const [, seconds, nonce = "", keyId = "", keyHash, mac = ""] = found;
  return parsed({
    timestamp: Number(seconds),
    nonce,
    keyId,
    ...(keyHash === undefined ? {} : { keyHash }),
    mac,
  });
}

/**
 * Returns the text that is signed: `<seconds>.<subject>.<hex SHA-256 of the body>`. The subject of a request to a
 * backend is its method; see {@link requestSubject} and {@link publishSubject} for the others.
 */
export function signedText(timestamp: number, subject: string, bodyHash: string): string {
  return `${timestamp}.${subject}.${bodyHash}`;
}

/**
 * Returns the subject of a request to the gateway. `target` is the path with its query exactly as sent, beginning
 * with `/v1/`: a path in front of it, which a proxy may remove, is not signed.
 */
export function requestSubject(
  method: string,
  target: string,
  { keyId, nonce }: Pick<Signature, "keyId" | "nonce">,
): string {
  return `${method} ${target} ${keyId} ${nonce}`;
}

/** Returns the subject of a signature that travels with a publication. */
export function publishSubject({ keyId, nonce }: Pick<Signature, "keyId" | "nonce">): string {
  return `publish ${keyId} ${nonce}`;
}

/**
 * Returns the body of a signature that travels with a publication: channel, event, data and the hash of the dedupe
 * key, each on its own line. None of them can contain a line end.
 */
export function publishBody(publication: {
  readonly channel: string;
  readonly event: string;
  /** Data as JSON text without whitespace between its tokens. */
  readonly json: string;
  readonly keyHash?: string | undefined;
}): string {
  const { channel, event, json, keyHash = "" } = publication;
  return `${channel}\n${event}\n${keyHash}\n${json}`;
}
