import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import type { DigestHandle } from "./digest-view.ts";
import { LiveDigest, type PageSight } from "./live-digest.ts";

export type { DigestHandle, DigestView } from "./digest-view.ts";

const digests = new WeakMap<object, LiveDigest>();

/** Returns the digest of the client's user. Calls with the same client return the same object. */
export function openDigest<C extends Contract = AnyContract>(client: Client<C>): DigestHandle {
  const known = digests.get(client);
  if (known !== undefined) return known;
  // Internally methods are names; the caller's contract provides their types.
  const live = new LiveDigest(client as unknown as Client, pageSight());
  digests.set(client, live);
  return live;
}

/** Returns what this page says of being visible; without a page everything counts as visible. */
function pageSight(): PageSight {
  const { document } = globalThis as { readonly document?: Document };
  if (document === undefined) return { isVisible: () => true, onChange: () => () => {} };
  return {
    isVisible: () => document.visibilityState !== "hidden",
    onChange(listener) {
      document.addEventListener("visibilitychange", listener);
      return () => document.removeEventListener("visibilitychange", listener);
    },
  };
}
