import { base64UrlOf, bytesOfBase64Url } from "./bytes.ts";
import { isRecord } from "./json.ts";

/** Name of the only field of an envelope, an object that stands in the place of encrypted data. */
export const envelopeField = "$encrypted";

/** Encrypted value, as JSON carries it. All its texts are readable by everybody on the way. */
export interface Envelope {
  readonly $encrypted: {
    /** Version of the scheme: AES-256-GCM with the additional data of {@link additionalData}. */
    readonly v: 1;
    /** Name of the key: 1 to 64 letters, digits, `_`, `.`, `~` or `-`. */
    readonly kid: string;
    /** Id of the event: the dedupe key of its publish. */
    readonly id: string;
    /** Initialisation vector: 12 bytes as base64url. */
    readonly iv: string;
    /** Ciphertext and its tag of 16 bytes as base64url. */
    readonly ct: string;
  };
}

/** Place of an encrypted value, which the ciphertext is bound to. */
export interface EncryptedPlace {
  readonly channel: string;
  readonly event: string;
  /** Id of the event: 1 to 255 characters without a line feed. */
  readonly id: string;
  readonly keyId: string;
  /** Name of the field of the data; empty for the whole data. */
  readonly field: string;
}

/** Parts of an envelope that was read. */
export interface Sealed {
  readonly keyId: string;
  readonly id: string;
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

const keyIdGrammar = /^[A-Za-z0-9_.~-]{1,64}$/;
const maxIdLength = 255;
/** Length of an initialisation vector, in bytes. */
export const ivBytes = 12;
const tagBytes = 16;

/**
 * Returns the additional data that the ciphertext is bound to: version, channel, event, key id, event id and field, each
 * on its own line. Only the field, which is last, may contain a line feed.
 */
export function additionalData({ channel, event, id, keyId, field }: EncryptedPlace): string {
  return `milepost-encrypted-1\n${channel}\n${event}\n${keyId}\n${id}\n${field}`;
}

/** True for a text that can be the id of a key. */
export function isKeyId(text: unknown): text is string {
  return typeof text === "string" && keyIdGrammar.test(text);
}

/** True for a text that can be the id of an encrypted event. */
export function isEventId(text: unknown): text is string {
  return (
    typeof text === "string" && text !== "" && text.length <= maxIdLength && !text.includes("\n")
  );
}

/** True for a value that stands in the place of encrypted data, well formed or not. */
export function isEnvelope(value: unknown): boolean {
  return isRecord(value) && Object.hasOwn(value, envelopeField) && Object.keys(value).length === 1;
}

/** Writes an envelope. */
export function writeEnvelope({ keyId: kid, id, iv, ciphertext }: Sealed): Envelope {
  return { $encrypted: { v: 1, kid, id, iv: base64UrlOf(iv), ct: base64UrlOf(ciphertext) } };
}

/**
 * Reads an envelope. Returns `malformed` for one that no version writes, and `unsupported` for one of another version.
 */
export function readEnvelope(value: unknown): Sealed | "malformed" | "unsupported" {
  const inside = isRecord(value) ? value[envelopeField] : undefined;
  if (!isRecord(inside) || typeof inside.v !== "number") return "malformed";
  if (inside.v !== 1) return "unsupported";
  const { kid, id } = inside;
  if (!isKeyId(kid) || !isEventId(id)) return "malformed";
  const iv = bytesIn(inside.iv);
  const ciphertext = bytesIn(inside.ct);
  if (iv?.length !== ivBytes || ciphertext === undefined || ciphertext.length < tagBytes) {
    return "malformed";
  }
  return { keyId: kid, id, iv, ciphertext };
}

function bytesIn(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  return typeof value === "string" ? bytesOfBase64Url(value) : undefined;
}
