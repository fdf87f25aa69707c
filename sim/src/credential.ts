import type { UserPrincipal } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import { channels } from "./plan.ts";

/** A token that says who it is for, when it ends by the wall clock, and what it does not allow. */
export function makeToken(
  user: string,
  expiresAt: number | undefined,
  denied: Iterable<string> = [],
): string {
  const end = expiresAt === undefined ? "never" : Math.floor(expiresAt);
  return [user, end, [...denied].join("+")].join(".");
}

/** Who a token is; throws when it is over. */
export function readToken(token: string, now: number): UserPrincipal {
  const [user, end, denied = ""] = token.split(".");
  const expiresAt = end === undefined || end === "never" ? undefined : Number(end);
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new MilepostError("token_expired", "the token has expired");
  }
  const refused = new Set(denied.split("+"));
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
