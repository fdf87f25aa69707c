import type { NewMember } from "@milepost/engine";
import type { Principal } from "../rules/principal.ts";

/**
 * Returns the presence member for a principal: its user, or its session if it has no user. All connections of
 * one user are one member. Returns undefined for services, and for credentials with neither user nor session.
 */
export function memberOf(principal: Principal): NewMember | undefined {
  if (principal.kind === "service") return undefined;
  const { user, session } = principal;
  if (user !== undefined) return { id: `user:${user}`, user_id: user };
  return session === undefined ? undefined : { id: `session:${session}`, session_id: session };
}
