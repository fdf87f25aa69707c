import { createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import { isRecord } from "@milepost/protocol";
import { HmacKey } from "./hmac-key.ts";

/** Minimum length of a token secret, in bytes; equal to the length of the hash. */
export const minTokenSecretBytes = 32;

/** Algorithm of a signature. It follows from the key, never from the token. */
export type TokenAlgorithm = "HS256" | "RS256" | "ES256" | "EdDSA";

/** Key that verifies user tokens: a shared secret or a public key. */
export interface TokenKeyOptions {
  /** Name of the key. A token that names a `kid` is verified with the keys of that name and those without one. */
  readonly kid?: string;
  /** Secret for HS256; at least 32 bytes. */
  readonly secret?: string | Uint8Array;
  /**
   * Public key or certificate in PEM. The kind of key decides the algorithm: RSA of at least 2,048 bits for RS256,
   * P-256 for ES256, Ed25519 for EdDSA.
   */
  readonly publicKey?: string;
  /** Issuer whose tokens the key verifies: their `iss`. Default: any that `issuer` allows. */
  readonly issuer?: string;
}

/** Key that is ready for use, with the one algorithm that it verifies. */
export type TokenKey = SharedTokenKey | PublicTokenKey;

interface NamedKey {
  readonly kid: string | undefined;
  readonly issuer?: string;
}

/** Secret that the issuer shares with the gateway. */
export interface SharedTokenKey extends NamedKey {
  readonly algorithm: "HS256";
  readonly key: HmacKey;
}

/** Public key of an issuer. */
export interface PublicTokenKey extends NamedKey {
  readonly algorithm: Exclude<TokenAlgorithm, "HS256">;
  readonly key: KeyObject;
}

const minRsaBits = 2_048;
const secretAdvice = "make one with: openssl rand -base64 48";
const keyAdvice = "use RSA of at least 2,048 bits, P-256 or Ed25519";

/** Prepares a key. Throws a TypeError that says what is wrong and how to mend it, without the key. */
export function readTokenKey(options: TokenKeyOptions): TokenKey {
  const { kid, secret, publicKey, issuer } = options;
  if ((secret === undefined) === (publicKey === undefined)) {
    throw new TypeError("a token key needs either a secret or a publicKey");
  }
  const about = { kid, ...(issuer === undefined ? {} : { issuer }) };
  if (publicKey !== undefined) return { ...about, ...readPem(publicKey) };
  return { ...about, algorithm: "HS256", key: new HmacKey(secretBytes(secret, "secret")) };
}

/** Returns the bytes of a token secret. The value may come from code without types, such as an unset variable. */
export function secretBytes(secret: unknown, name: string): Uint8Array {
  if (secret === undefined || secret === null || secret === "") {
    throw new TypeError(`${name} is missing; is its environment variable set? ${secretAdvice}`);
  }
  const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`${name} must be a string or a Uint8Array; ${secretAdvice}`);
  }
  if (bytes.byteLength < minTokenSecretBytes) {
    throw new TypeError(
      `${name} must have at least ${minTokenSecretBytes} bytes, and this one has ${bytes.byteLength}; ${secretAdvice}`,
    );
  }
  if (new TextDecoder().decode(bytes.subarray(0, 64)).includes("-----BEGIN ")) {
    throw new TypeError(
      `${name} is a key in PEM; set it as publicKey, because a public key is no secret`,
    );
  }
  return bytes;
}

/** Imports a secret that issues tokens with HS256. */
export function importSecret(bytes: Uint8Array): Promise<webcrypto.CryptoKey> {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  return webcrypto.subtle.importKey("raw", new Uint8Array(bytes), hmac, false, ["sign", "verify"]);
}

function readPem(pem: string): Pick<PublicTokenKey, "algorithm" | "key"> {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new TypeError(
      "publicKey is a private key; print its public half with: openssl pkey -in key.pem -pubout",
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new TypeError("publicKey is no public key or certificate in PEM; check the text or file");
  }
  const algorithm = algorithmOf(key);
  if (algorithm !== undefined) return { algorithm, key };
  throw new TypeError(`publicKey is of a kind that is not supported; ${keyAdvice}`);
}

function algorithmOf(key: KeyObject): PublicTokenKey["algorithm"] | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa":
      return modulusLength >= minRsaBits ? "RS256" : undefined;
    case "ec":
      return namedCurve === "prime256v1" ? "ES256" : undefined;
    case "ed25519":
      return "EdDSA";
    default:
      return undefined;
  }
}

const publicMembers = ["kty", "crv", "x", "y", "n", "e"];

/**
 * Returns the key of one item of a key set; undefined for a key that does not verify tokens: another use or algorithm,
 * a symmetric key, a weak one, or one that cannot be read.
 */
export function keyOfJwk(jwk: unknown): PublicTokenKey | undefined {
  if (!isRecord(jwk)) return undefined;
  const { kid, use, alg, key_ops: uses } = jwk;
  if (kid !== undefined && typeof kid !== "string") return undefined;
  if (use !== undefined && use !== "sig") return undefined;
  if (uses !== undefined && !(Array.isArray(uses) && uses.includes("verify"))) return undefined;
  if (jwk.kty === "oct" || "d" in jwk) return undefined;
  const members = publicMembers.flatMap((name) => (name in jwk ? [[name, jwk[name]]] : []));
  try {
    const key = createPublicKey({ key: Object.fromEntries(members), format: "jwk" });
    const algorithm = algorithmOf(key);
    if (algorithm === undefined) return undefined;
    const isNamed = alg === undefined || alg === algorithm || `${alg}/${algorithm}` === ed25519;
    return isNamed ? { kid, algorithm, key } : undefined;
  } catch {
    return undefined;
  }
}

/** The newer name of EdDSA over Ed25519, beside the older one. */
const ed25519 = "Ed25519/EdDSA";
