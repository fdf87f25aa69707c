import type { Signature } from "@milepost/protocol";

/** Secrets with which the holder of an API key signs, without the secrets themselves. */
export interface ServiceSigning {
  /** True if this key's requests that change something, and its publishes on a connection, must be signed. */
  readonly isRequired: boolean;
  /**
   * Returns a name of the secret that made the signature of these parts; undefined if none of the key's secrets
   * with that id did. The name reveals nothing of the secret. Takes the same time for every wrong signature.
   */
  signerOf(signature: Signature, subject: string, body: string | Uint8Array): string | undefined;
  /** Returns the SHA-256 of a dedupe key in hex. */
  hashOfKey(key: string): string;
}
