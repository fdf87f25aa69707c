import type { NewMember } from "@milepost/engine";
import { encodeId } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";

/**
 * Returns the presence member for a principal: its user, its guest, or its session if it has no user. All
 * connections of one user are one member. Returns undefined for services, and for credentials that name nobody.
 */
export function memberOf(principal: Principal): NewMember | undefined {
  if (principal.kind === "service") return undefined;
  const { user, session, guest } = principal;
  if (user !== undefined) return { id: `user:${encodeId(user)}`, user_id: user };
  if (guest !== undefined) return { id: `guest:${guest}` };
  return session === undefined
    ? undefined
    : { id: `session:${encodeId(session)}`, session_id: session };
}
