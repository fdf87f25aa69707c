import { findLoss, isRecord, messageBounds, parseJson } from "@milepost/protocol";

/** Parts of a token that are read before its signature is verified. Nothing in them is trusted yet. */
export interface TokenForm {
  readonly algorithm: string;
  readonly kid: string | undefined;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signature: Buffer;
}

const maxKidLength = 512;
/** Words of {@link findLoss} for a key that an object has twice. */
const repeated = / occurs twice;/;

/**
 * Reads a token as a JWS in compact form. Returns the reason, which contains no part of the token, if it is none.
 *
 * Each part must be the one canonical base64url text of its bytes, without padding or whitespace, so that no token has
 * two spellings. Header and claims must be JSON objects in UTF-8 in which no key occurs twice. A header with `crit` or
 * `b64` asks for extensions and is refused. Keys and addresses in the header (`jwk`, `jku`, `x5c`, `x5u`) are never
 * used.
 */
export function readTokenForm(token: string): TokenForm | string {
  if (token.length > messageBounds.tokenLength) return "the token is too long";
  const parts = token.split(".");
  const [headerPart = "", claimsPart = "", signaturePart = ""] = parts;
  const signature = parts.length === 3 ? decoded(signaturePart) : undefined;
  if (signature === undefined) return "the token is not valid";
  const header = headerIn(headerPart);
  const claims = objectIn(claimsPart);
  if (header === undefined || claims === undefined) return "the token is not valid";
  const { alg, kid } = header;
  if (typeof alg !== "string") return "the token's header has no algorithm";
  if (kid !== undefined && (typeof kid !== "string" || kid.length > maxKidLength)) {
    return `the token's kid must be a text of at most ${maxKidLength} characters`;
  }
  if ("crit" in header || "b64" in header) return "the token's header asks for extensions";
  return { algorithm: alg, kid, header, claims, signature };
}

/** True if the text has the form of a JWT: three parts, the first of which is a JSON header that names an algorithm. */
export function isJwt(credential: string): boolean {
  const parts = credential.split(".");
  const header = parts.length === 3 ? objectIn(parts[0] ?? "") : undefined;
  return header !== undefined && "alg" in header;
}

const maxHeaders = 32;
const maxKeptLength = 512;
/** Headers that were read before. An issuer writes the same header into all its tokens. */
const headers = new Map<string, Readonly<Record<string, unknown>>>();

function headerIn(part: string): Readonly<Record<string, unknown>> | undefined {
  const known = headers.get(part);
  if (known !== undefined) return known;
  const header = objectIn(part);
  if (header === undefined || part.length > maxKeptLength) return header;
  if (headers.size >= maxHeaders) headers.clear();
  headers.set(part, header);
  return header;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function objectIn(part: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decoded(part);
  if (bytes === undefined) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return undefined;
  }
  const json = parseJson(text);
  if (!json.ok || !isRecord(json.value)) return undefined;
  return repeated.test(findLoss(text, "") ?? "") ? undefined : json.value;
}

/**
 * Canonical base64url without padding: the last of two or three left characters has no bits but those of its bytes.
 */
const canonical =
  /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/;

/** Returns the bytes of a canonical, non-empty base64url text; undefined for any other text. */
function decoded(part: string): Buffer | undefined {
  return part !== "" && canonical.test(part) ? Buffer.from(part, "base64url") : undefined;
}
