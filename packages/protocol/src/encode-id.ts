import { isWellFormed } from "./fields.ts";
import { sha256Hex } from "./sha256.ts";

/** Maximum length of the id of a user or session, in bytes of UTF-8. */
export const maxIdBytes = 1_024;

/** Maximum length of an encoded id, in bytes. A longer form is replaced by a hash of the id. */
export const maxEncodedIdBytes = 120;

/** Requirement that {@link isId} checks, worded for error messages. */
export const idRule = `must be a text of 1 to ${maxIdBytes} bytes of UTF-8, without halves of surrogate pairs`;

/** Ids that are their own encoded form. */
const plainId = /^[A-Za-z0-9_.-]{1,120}$/;
const isPlain = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") {
  isPlain[char.charCodeAt(0)] = 1;
}

/** True if the value can be the id of a user or session. */
export function isId(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || value.length > maxIdBytes) return false;
  // A UTF-16 unit takes at most three bytes.
  return (
    isWellFormed(value) && (value.length * 3 <= maxIdBytes || utf8(value).length <= maxIdBytes)
  );
}

/**
 * Encodes the id of a user or session as one segment of a channel name: `ann@example.com` becomes
 * `ann~40example.com`, and the user's channel is `user:ann~40example.com`.
 *
 * An id of at most 120 characters of `[A-Za-z0-9_.-]` is its own form. In any other id, each byte of UTF-8 that is
 * none of these characters becomes `~` and two upper-case hexadecimal digits. A form longer than 120 bytes is
 * replaced by `~~` and the SHA-256 of the id in lower-case hexadecimal. The empty text becomes `~`. Defined for every
 * string, half a surrogate pair included, which is encoded as its three bytes. Different ids have different forms, as
 * far as SHA-256 is free of collisions. Never throws.
 */
export function encodeId(id: string): string {
  if (plainId.test(id)) return id;
  if (id === "") return "~";
  const bytes = utf8(id);
  let encoded = "";
  for (const byte of bytes) {
    encoded +=
      isPlain[byte] === 1
        ? String.fromCharCode(byte)
        : `~${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    if (encoded.length > maxEncodedIdBytes) return `~~${sha256Hex(bytes)}`;
  }
  return encoded;
}

/** Returns the id that an encoded form stands for; undefined where it has only a hash of the id, and for other texts. */
export function decodeId(encoded: string): string | undefined {
  if (plainId.test(encoded)) return encoded;
  try {
    const id = decodeURIComponent(encoded.replaceAll("~", "%"));
    return encodeId(id) === encoded ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the bytes of a text in UTF-8. Half a surrogate pair becomes three bytes, as if it were a character. */
function utf8(text: string): Uint8Array {
  if (isWellFormed(text)) return new TextEncoder().encode(text);
  const bytes: number[] = [];
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    if (code >= 0xd800 && code <= 0xdfff) {
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    } else bytes.push(...new TextEncoder().encode(char));
  }
  return new Uint8Array(bytes);
}
