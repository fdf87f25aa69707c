import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { ServiceSigning } from "@milepost/core";
import { minSigningSecretBytes, signedText } from "@milepost/protocol";

/** Secrets with which the holder of an API key signs. */
export interface SigningOptions {
  /**
   * Secrets by their key id (1 to 64 letters, digits, `_`, `.`, `~` or `-`), each of at least 32 bytes. During a
   * rotation there are two.
   */
  readonly keys: Readonly<Record<string, string>>;
  /** True if requests that change something, and publishes on a connection, must be signed; default false. */
  readonly required?: boolean;
}

/** Returns the checks of signatures with these secrets. Throws a TypeError that names a secret that is too short. */
export function createSigning({ keys, required = false }: SigningOptions): ServiceSigning {
  const secrets = new Map(
    Object.entries(keys).map(([id, secret]) => {
      if (Buffer.byteLength(secret) < minSigningSecretBytes) {
        throw new TypeError(
          `the signing key "${id}" must have at least ${minSigningSecretBytes} bytes`,
        );
      }
      // A nonce belongs to a secret, under whatever names it is configured.
      return [id, { secret, name: sha256(`nonce of ${secret}`).slice(0, 32) }] as const;
    }),
  );
  const unknown = { secret: sha256("no such key"), name: undefined };
  return {
    isRequired: required,
    signerOf({ timestamp, keyId, mac }, subject, body) {
      const { secret, name } = secrets.get(keyId) ?? unknown;
      const text = signedText(timestamp, subject, sha256(body));
      const expected = createHmac("sha256", secret).update(text).digest();
      return timingSafeEqual(expected, Buffer.from(mac, "hex")) ? name : undefined;
    },
    hashOfKey: sha256,
  };
}

function sha256(body: string | Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}
