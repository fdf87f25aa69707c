import { encodeId, isRecord } from "@milepost/protocol";
import type { UserPrincipal } from "../rules/principal.ts";

/** Person to whom a ticket belongs; exactly one of the ids is set. */
export interface TicketPerson {
  readonly user?: string;
  readonly session?: string;
  readonly guest?: string;
}

/** Data of a ticket: its person and its operation, as the store keeps them. */
export interface TicketData extends TicketPerson {
  /** Id of the operation that the ticket is. */
  readonly operation?: string;
}

/**
 * Returns the name under which a person's tickets are found. It is the name of the person's channel too: `user:7`,
 * `session:s1` or `guest:g1`.
 */
export function ownerOf({ user, session, guest }: TicketPerson): string {
  if (user !== undefined) return `user:${encodeId(user)}`;
  return session === undefined ? `guest:${guest ?? ""}` : `session:${encodeId(session)}`;
}

/** Returns the person for whom a user joins: the user, otherwise its session or guest. Undefined for a token of nobody. */
export function personIn({ user, session, guest }: UserPrincipal): TicketPerson | undefined {
  if (user !== undefined) return { user };
  if (guest !== undefined) return { guest };
  return session === undefined ? undefined : { session };
}

/** Returns the owners whose tickets belong to a user. */
export function ownersOf({ user, session, guest }: UserPrincipal): readonly string[] {
  return [
    ...(user === undefined ? [] : [ownerOf({ user })]),
    ...(session === undefined ? [] : [ownerOf({ session })]),
    ...(guest === undefined ? [] : [ownerOf({ guest })]),
  ];
}

/** Writes what the store keeps with a ticket. */
export function ticketDataText(data: TicketData): string {
  return JSON.stringify(data);
}

/** Reads what the store keeps with a ticket. */
export function readTicketData(text: string | undefined): TicketData {
  if (text === undefined) return {};
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) return {};
  const { user, session, guest, operation } = value;
  return {
    ...(typeof user === "string" && { user }),
    ...(typeof session === "string" && { session }),
    ...(typeof guest === "string" && { guest }),
    ...(typeof operation === "string" && { operation }),
  };
}
