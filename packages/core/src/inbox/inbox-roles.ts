import type { Inbox, InboxBounds, InboxChange, InboxOwner } from "@milepost/engine";
import { rolesClaim } from "../rules/claims.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import { inboxOf } from "./inbox-item.ts";

/** Time for which a user receives at once what is addressed to a role, since the inbox was last opened with it: 30 days. */
export const membershipMs = 30 * 86_400_000;
const maxRoles = 20;
const maxRoleLength = 100;

/** Returns the roles of a user's token: at most 20, each of at most 100 characters. */
export function rolesOf({ claims }: UserPrincipal): readonly string[] {
  const claim = claims?.[rolesClaim];
  const list: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  const roles = list.filter(
    (role): role is string =>
      typeof role === "string" && role !== "" && role.length <= maxRoleLength,
  );
  return [...new Set(roles)].slice(0, maxRoles).sort();
}

/** Parts that {@link syncRoles} uses. */
export interface RoleSync {
  readonly inbox: Inbox;
  readonly bounds: InboxBounds;
  readonly maxMembers: number;
  readonly deliver: (owner: InboxOwner, change: InboxChange) => Promise<void>;
}

/**
 * Makes a user's inbox show what is addressed to the user's roles: enrols the user with each role, puts in the open questions
 * of the roles, and takes out those that are no longer open and those of roles that the user has lost.
 *
 * The user is enrolled before the role's questions are read, and a question is stored with the role before the members are
 * read. So one of the two sees the other.
 */
export async function syncRoles(
  user: string,
  roles: readonly string[],
  { inbox, bounds, maxMembers, deliver }: RoleSync,
): Promise<void> {
  const owner = inboxOf(user);
  const before = await inbox.setRoles(owner, roles, membershipMs);
  if (roles.length === 0 && before.length === 0) return;
  for (const role of before) {
    if (!roles.includes(role)) await inbox.enrol(`role:${role}`, owner, 0, maxMembers);
  }
  const all = { filter: "open", limit: bounds.maxItems } as const;
  const open = new Set<string>();
  for (const role of roles) {
    await inbox.enrol(`role:${role}`, owner, membershipMs, maxMembers);
    const { items } = await inbox.list(`role:${role}`, all, bounds);
    for (const { id, kind, json } of items.toReversed()) {
      open.add(id);
      await deliver(owner, await inbox.put(owner, { id, kind, json, role }, bounds));
    }
  }
  const { items } = await inbox.list(owner, all, bounds);
  for (const { id, role } of items) {
    if (role === undefined || open.has(id)) continue;
    await deliver(owner, await inbox.close(owner, id, "role", bounds, true));
  }
}
