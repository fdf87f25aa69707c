import { hexOf, utf8 } from "./bytes.ts";
import { compact } from "./fields.ts";
import { JsonText, writeJson } from "./json-text.ts";
import {
  formatSignature,
  minSigningSecretBytes,
  parseSignature,
  publishBody,
  publishSubject,
  requestSubject,
  type Signature,
  signatureToleranceS,
  signedText,
} from "./signature.ts";

/** Secret that signs, with the name by which verifiers find it. */
export interface SigningKey {
  /** 1 to 64 letters, digits, `_`, `.`, `~` or `-`. */
  readonly id: string;
  /** At least 32 bytes; a text counts as its UTF-8. */
  readonly secret: string | Uint8Array;
}

/** Time and nonce of a signature, for tests and vectors; by default the current time and 24 random characters. */
export interface SigningMoment {
  /** Time of signing, in seconds since 1970. */
  readonly timestamp?: number;
  readonly nonce?: string;
}

/** Request to the gateway that is to be signed. */
export interface RequestToSign extends SigningMoment {
  readonly method: string;
  /** Path and query exactly as they are sent, beginning with `/v1/`. */
  readonly target: string;
  /** Body exactly as it is sent; empty without a body. */
  readonly body: string | Uint8Array;
}

/** Publication whose signature is to travel with it. */
export interface PublicationToSign extends SigningMoment {
  readonly channel: string;
  readonly event: string;
  /** Data: a value, which is written as `JSON.stringify` does, or a `JsonText`. */
  readonly data: unknown;
  /** Dedupe key with which it is published. */
  readonly key?: string | undefined;
}

/** Publication as a reader received it. */
export interface ReceivedPublication {
  readonly channel: string;
  /** Channel that the entry was published to, where it was read through a roll-up. */
  readonly source?: string | undefined;
  readonly event: string;
  /** Data: a value, which must have been published in the form that `JSON.stringify` writes, or a `JsonText`. */
  readonly data: unknown;
  readonly sig?: string | undefined;
}

/** Returns the secret of a key id, or undefined if it is not known; may look it up. */
export type SigningSecrets = (
  keyId: string,
) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>;

/** Outcome of {@link verifyPublication}. */
export type Verification =
  | {
      readonly valid: true;
      readonly keyId: string;
      readonly signedAt: number;
      readonly nonce: string;
    }
  | {
      readonly valid: false;
      /**
       * `unsigned`: there is no signature. `malformed`: it is not one. `unknown_key`: the secret is not known.
       * `mismatch`: the publication or the signature was changed. `stale`: it is older than `maxAgeS`.
       */
      readonly reason: "unsigned" | "malformed" | "unknown_key" | "mismatch" | "stale";
    };

/** Options of {@link verifyPublication}. */
export interface VerifyOptions {
  /** Oldest signature to accept, in seconds; unlimited by default, since history may be old. */
  readonly maxAgeS?: number;
  /** Current time, in seconds since 1970; default the machine's clock. */
  readonly now?: number;
}

/** Returns the value of the header `Milepost-Signature` for a request. Rejects with a TypeError for a short secret. */
export async function signRequest(key: SigningKey, request: RequestToSign): Promise<string> {
  const { timestamp, nonce } = momentOf(request);
  const { id: keyId } = key;
  const subject = requestSubject(request.method, request.target, { keyId, nonce });
  const mac = await macOf(key.secret, timestamp, subject, request.body);
  return formatSignature({ timestamp, nonce, keyId, mac });
}

/** Returns the field `sig` for a publication. Rejects with a TypeError for a short secret. */
export async function signPublication(
  key: SigningKey,
  publication: PublicationToSign,
): Promise<string> {
  const { timestamp, nonce } = momentOf(publication);
  const { id: keyId } = key;
  const { channel, event, data } = publication;
  const keyHash = publication.key === undefined ? undefined : hexOf(await sha256(publication.key));
  const body = publishBody({ channel, event, json: textOf(data), keyHash });
  const mac = await macOf(key.secret, timestamp, publishSubject({ keyId, nonce }), body);
  return formatSignature(compact({ timestamp, nonce, keyId, keyHash, mac }) as Signature);
}

/**
 * Verifies the signature that travels with a publication. Never rejects because of the publication; compares in
 * constant time.
 *
 * It says who signed these data for this channel, not that they are new: a gateway may deliver an entry again. A
 * message merged from several entries has no signature.
 */
export async function verifyPublication(
  received: ReceivedPublication,
  secrets: SigningSecrets,
  options: VerifyOptions = {},
): Promise<Verification> {
  const { sig } = received;
  if (sig === undefined) return { valid: false, reason: "unsigned" };
  const read = parseSignature(sig);
  if (!read.ok) return { valid: false, reason: "malformed" };
  const { timestamp, nonce, keyId, keyHash, mac } = read.value;
  const secret = await secrets(keyId);
  if (secret === undefined) return { valid: false, reason: "unknown_key" };
  const body = publishBody({
    channel: received.source ?? received.channel,
    event: received.event,
    json: textOf(received.data),
    keyHash,
  });
  const text = signedText(timestamp, publishSubject({ keyId, nonce }), hexOf(await sha256(body)));
  const key = await hmacKey(secret);
  const given = Uint8Array.from(mac.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  if (!(await crypto.subtle.verify("HMAC", key, given, utf8.encode(text)))) {
    return { valid: false, reason: "mismatch" };
  }
  const { maxAgeS, now = Date.now() / 1_000 } = options;
  const isStale =
    maxAgeS !== undefined && (now - timestamp > maxAgeS || timestamp - now > signatureToleranceS);
  return isStale
    ? { valid: false, reason: "stale" }
    : { valid: true, keyId, signedAt: timestamp, nonce };
}

function momentOf({ timestamp, nonce }: SigningMoment): Required<SigningMoment> {
  return { timestamp: timestamp ?? Math.floor(Date.now() / 1_000), nonce: nonce ?? randomNonce() };
}

const nonceAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/** Returns 24 random characters: 144 bits. */
function randomNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return Array.from(bytes, (byte) => nonceAlphabet[byte & 63]).join("");
}

function textOf(data: unknown): string {
  return data instanceof JsonText ? data.text : writeJson(data);
}

async function macOf(
  secret: string | Uint8Array,
  timestamp: number,
  subject: string,
  body: string | Uint8Array,
): Promise<string> {
  const text = signedText(timestamp, subject, hexOf(await sha256(body)));
  const mac = await crypto.subtle.sign("HMAC", await hmacKey(secret), utf8.encode(text));
  return hexOf(new Uint8Array(mac));
}

async function hmacKey(secret: string | Uint8Array) {
  const bytes = typeof secret === "string" ? utf8.encode(secret) : new Uint8Array(secret);
  if (bytes.length < minSigningSecretBytes) {
    throw new TypeError(`a secret that signs must have at least ${minSigningSecretBytes} bytes`);
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
}

async function sha256(body: string | Uint8Array): Promise<Uint8Array> {
  const bytes = typeof body === "string" ? utf8.encode(body) : new Uint8Array(body);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
