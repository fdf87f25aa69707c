import type { InboxOwner, StoredInboxItem } from "@milepost/engine";
import { encodeId } from "@milepost/protocol";

/** Longest data of an item, in bytes of JSON. */
export const maxItemBytes = 16_384;

/** Returns the owner of a user's inbox. */
export function inboxOf(user: string): InboxOwner {
  return `user:${user}`;
}

/** Returns the user whose inbox it is; undefined for a role. */
export function userOf(owner: InboxOwner): string | undefined {
  return owner.startsWith("user:") ? owner.slice("user:".length) : undefined;
}

/** Returns the role whose inbox it is; undefined for a user. */
export function roleOf(owner: InboxOwner): string | undefined {
  return owner.startsWith("role:") ? owner.slice("role:".length) : undefined;
}

/** Returns the name of the channel of a user's inbox. */
export function inboxChannel(user: string): string {
  return `inbox:${encodeId(user)}`;
}

/** Returns an item as JSON text, as pages see it. */
export function itemText({ json, readAt, snoozedUntil, ...item }: StoredInboxItem): string {
  const fields = {
    ...item,
    ...(readAt !== undefined && { read_at: readAt }),
    ...(snoozedUntil !== undefined && { snoozed_until: snoozedUntil }),
  };
  // The data are JSON already, and JavaScript could change them.
  return `${JSON.stringify(fields).slice(0, -1)},"data":${json}}`;
}
