import { encodeId, type WelcomeMessage } from "@milepost/protocol";

/** The part of a welcome that says who somebody is. */
export type Person = Pick<WelcomeMessage, "user_id" | "session_id" | "guest_id">;

/** Returns the name of the person's channel: that of the user or the guest, otherwise that of the session. */
export function channelOfPerson(person: Person): string {
  const { user_id: user, session_id: session, guest_id: guest } = person;
  if (user !== null) return `user:${encodeId(user)}`;
  return guest === undefined ? `session:${encodeId(session ?? "")}` : `guest:${guest}`;
}

/** Returns the id under which backends address the person; null for a session without a user. */
export function idOfPerson({ user_id: user, guest_id: guest }: Person): string | null {
  return guest === undefined ? user : `guest:${guest}`;
}

/** True if a page may join with this id: that of its user, or the name of its guest with or without `guest:`. */
export function isIdOf(id: string, { user_id: user, guest_id: guest }: Person): boolean {
  if (guest === undefined) return id === user;
  const name = guestNameOf(id);
  return name === guest || encodeId(name) === guest;
}

/** Returns the name of a guest without the `guest:` before it. */
export function guestNameOf(id: string): string {
  return id.startsWith("guest:") ? id.slice("guest:".length) : id;
}
