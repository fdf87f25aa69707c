import { createHash, timingSafeEqual } from "node:crypto";
import type { ServicePrincipal } from "@milepost/core";
import { bearerRule, isBearerCredential } from "./bearer.ts";
import { createSigning, type SigningOptions } from "./request-signing.ts";

/** API key of a backend, with the name that logs and commands use for it. */
export interface ApiKey {
  readonly name: string;
  readonly key: string;
  /** Secrets with which the holder of the key signs its requests; see the page on signing. */
  readonly signing?: SigningOptions;
}

/** Returns the principal of the service whose API key was presented; undefined for an unknown key. */
export interface ApiKeys {
  identify(presented: string): ServicePrincipal | undefined;
}

/**
 * Creates the API key check, which stores only the SHA-256 hashes of the keys.
 *
 * A presented key is compared with every known key, each time in constant time. So neither the time nor the
 * order reveals anything about a key. Throws a TypeError for a key that an `Authorization` header cannot carry.
 */
export function createApiKeys(keys: readonly ApiKey[]): ApiKeys {
  const known = keys.map(({ name, key, signing }) => {
    if (!isBearerCredential(key)) throw new TypeError(`the API key "${name}" ${bearerRule}`);
    const principal: ServicePrincipal = {
      kind: "service",
      name,
      ...(signing === undefined ? {} : { signing: createSigning(signing) }),
    };
    return { hash: sha256(key), principal };
  });
  return {
    identify(presented) {
      const hash = sha256(presented);
      let found: ServicePrincipal | undefined;
      for (const key of known) {
        if (timingSafeEqual(hash, key.hash)) found = key.principal;
      }
      return found;
    },
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
