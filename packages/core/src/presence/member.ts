import type { NewMember } from "@milepost/engine";
import type { Principal } from "../rules/principal.ts";

/** Who somebody is among those present: a user, however many connections it has; undefined where the credential names nobody. */
export function memberOf(principal: Principal): NewMember | undefined {
  if (principal.kind === "service") return undefined;
  const { user, session } = principal;
  if (user !== undefined) return { id: `user:${user}`, user_id: user };
  return session === undefined ? undefined : { id: `session:${session}`, session_id: session };
}
