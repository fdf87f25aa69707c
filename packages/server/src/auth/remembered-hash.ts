import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { sha256 } from "./api-keys.ts";
import { readBearer } from "./bearer.ts";
import { isConsoleToken } from "./console-tokens.ts";
import { isGuestToken } from "./guests.ts";

const remembered: unique symbol = Symbol("hash of the last credential");

interface Remembered {
  readonly authorization: string;
  /** SHA-256 of the credential; undefined for a header that can be no API key's. */
  readonly hash: Buffer | undefined;
}

interface RememberingSocket extends Socket {
  [remembered]?: Remembered;
}

/**
 * Returns the SHA-256 of the credential in the only `Authorization` of a request; undefined for a header without one, for
 * several headers, and for the token of a guest or of the console.
 *
 * The hash is computed once for all requests of a connection that have the same header. It says nothing of whether the
 * credential is good: each request compares it with the known keys. A connection knows only what its own peer has sent,
 * and forgets it when it closes.
 */
export function rememberedHash({
  socket,
  headers,
  rawHeaders,
}: IncomingMessage): Buffer | undefined {
  const { authorization } = headers;
  // Of several, Node keeps the first, and the router refuses them all.
  if (authorization === undefined || isRepeated(rawHeaders)) return undefined;
  const known = (socket as RememberingSocket)[remembered];
  if (known?.authorization === authorization) return known.hash;
  const bearer = readBearer(authorization);
  const credential = bearer.kind === "bearer" ? bearer.credential : undefined;
  const isKey =
    credential !== undefined && !isGuestToken(credential) && !isConsoleToken(credential);
  const hash = isKey ? sha256(credential) : undefined;
  (socket as RememberingSocket)[remembered] = { authorization, hash };
  return hash;
}

const headerName = "authorization";

function isRepeated(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === headerName.length && name.toLowerCase() === headerName) count++;
  }
  return count > 1;
}
