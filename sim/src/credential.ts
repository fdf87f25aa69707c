import type { UserPrincipal } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import { channels } from "./plan.ts";

/**
 * Returns a token with its user, its expiry by the wall clock in milliseconds, and the channels it does not
 * allow.
 */
export function makeToken(
  user: string,
  expiresAt: number | undefined,
  denied: Iterable<string> = [],
): string {
  const end = expiresAt === undefined ? "never" : Math.floor(expiresAt);
  // A subprotocol carries the token, so the token has only letters, digits and the signs of a JWT or a URL.
  return [user, end, [...denied].map((name) => name.replaceAll(":", "~")).join("~~")].join(".");
}

/** Returns the principal of a token; throws `token_expired` when it has expired. */
export function readToken(token: string, now: number): UserPrincipal {
  const [user, end, denied = ""] = token.split(".");
  const expiresAt = end === undefined || end === "never" ? undefined : Number(end);
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new MilepostError("token_expired", "the token has expired");
  }
  const refused = new Set(denied.split("~~").map((name) => name.replaceAll("~", ":")));
  return {
    kind: "user",
    user,
    session: `s-${user}`,
    grants: {
      subscribe: channels.filter((channel) => !refused.has(channel)),
      publish: ["log:*", "state:*"],
    },
    expiresAt,
  };
}
