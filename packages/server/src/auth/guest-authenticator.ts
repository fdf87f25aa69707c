import { isGuestName, type UserPrincipal } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import type { Authenticator } from "./authenticator.ts";
import { readBearer } from "./bearer.ts";
import { type Guests, isGuestToken } from "./guests.ts";

/**
 * Returns an authenticator that knows guests, where the deployment admits them, and refuses tokens that claim to be
 * one: their subject begins with `guest:`.
 */
export function withGuests(auth: Authenticator, guests: Guests | undefined): Authenticator {
  const verifyGuest = (token: string): UserPrincipal | undefined => {
    if (!isGuestToken(token)) return undefined;
    const guest = guests?.verify(token);
    if (guest !== undefined) return guest;
    throw new MilepostError("unauthenticated", "this gateway admits no guests; set guests to true");
  };
  return {
    mintToken: (content) => auth.mintToken(content),
    identify: (presented) => auth.identify(presented),
    consoleTokens: auth.consoleTokens,
    identifyHash: (hash) => auth.identifyHash(hash),
    verifyToken(token) {
      const guest = verifyGuest(token);
      if (guest !== undefined) return guest;
      const verified = auth.verifyToken(token);
      return verified instanceof Promise ? verified.then(noGuest) : noGuest(verified);
    },
    async authenticate(authorization) {
      const bearer = readBearer(authorization);
      const guest = bearer.kind === "bearer" ? verifyGuest(bearer.credential) : undefined;
      if (guest !== undefined) return guest;
      const principal = await auth.authenticate(authorization);
      return principal.kind === "user" ? noGuest(principal) : principal;
    },
  };
}

function noGuest(principal: UserPrincipal): UserPrincipal {
  if (principal.guest === undefined && !isGuestName(principal.user)) return principal;
  throw new MilepostError(
    "unauthenticated",
    "a token must not name a guest; its sub may not begin with guest:",
  );
}
