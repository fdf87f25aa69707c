import type { NewMember } from "@milepost/engine";
import type { Principal } from "../rules/principal.ts";

/**
 * Returns the member that a principal is: its user, however many connections it has, or else its session.
 * Returns undefined for services, and for credentials that name neither.
 */
export function memberOf(principal: Principal): NewMember | undefined {
  if (principal.kind === "service") return undefined;
  const { user, session } = principal;
  if (user !== undefined) return { id: `user:${user}`, user_id: user };
  return session === undefined ? undefined : { id: `session:${session}`, session_id: session };
}
