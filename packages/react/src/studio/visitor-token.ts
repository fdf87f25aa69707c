import { GuestToken } from "./guest-token.ts";
import { storageNamed } from "./storage-named.ts";

/** Options of {@link visitorToken}, as those of `useWebSocket`. */
export interface VisitorTokenOptions {
  readonly url: string;
  readonly userId: string;
}

/**
 * Returns a source of the token with which `useWebSocket` connects as the guest `userId`, for a further client of the same
 * visitor. Both share one guest, also in other tabs. Its calls reject with `already_exists` if another page has the name.
 */
export function visitorToken({ url, userId }: VisitorTokenOptions): () => Promise<string> {
  const guest = new GuestToken({
    url,
    userId,
    storage: storageNamed("localStorage"),
    fetch: globalThis.fetch.bind(globalThis) as typeof globalThis.fetch,
    now: Date.now,
  });
  return () => guest.get();
}
