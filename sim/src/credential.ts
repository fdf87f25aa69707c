import type { UserPrincipal } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";

/** A token that says who it is for and when it ends, by the wall clock. */
export function makeToken(user: string, expiresAt: number | undefined): string {
  return `${user}.${expiresAt === undefined ? "never" : Math.floor(expiresAt)}`;
}

/** Who a token is; throws when it is over. */
export function readToken(token: string, now: number): UserPrincipal {
  const [user, end] = token.split(".");
  const expiresAt = end === undefined || end === "never" ? undefined : Number(end);
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new MilepostError("token_expired", "the token has expired");
  }
  return {
    kind: "user",
    user,
    session: `s-${user}`,
    grants: { subscribe: ["log:*", "state:*"], publish: ["log:*", "state:*"] },
    expiresAt,
  };
}
