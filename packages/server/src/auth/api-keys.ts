import { createHash, timingSafeEqual } from "node:crypto";
import type { ServicePrincipal } from "@milepost/core";
import { bearerRule, isBearerCredential } from "./bearer.ts";

/** A key of a backend, and the name it is known by in logs and commands. */
export interface ApiKey {
  readonly name: string;
  readonly key: string;
}

/** Finds out whose key was presented. */
export interface ApiKeys {
  identify(presented: string): ServicePrincipal | undefined;
}

/**
 * Keeps API keys as SHA-256 hashes alone.
 *
 * Every key is compared in constant time, and all of them are, so that neither the time nor the order
 * tells anything about a key. A key that no header can carry is a TypeError.
 */
export function createApiKeys(keys: readonly ApiKey[]): ApiKeys {
  const known = keys.map(({ name, key }) => {
    if (!isBearerCredential(key)) throw new TypeError(`the API key "${name}" ${bearerRule}`);
    const principal: ServicePrincipal = { kind: "service", name };
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
