import { encodeId } from "@milepost/protocol";
import type { ServiceSigning } from "../signatures/service-signing.ts";
import type { Action } from "./access.ts";

/**
 * Channel patterns that a credential allows in addition to the rules, by action. A channel whose rule says
 * nothing of presence or history grants them with `subscribe`, and the end with `publish`.
 */
export interface Grants extends Partial<Record<Action, readonly string[]>> {
  readonly subscribe: readonly string[];
  readonly publish: readonly string[];
}

/** Principal with a verified connect credential: a person, or a program that is not a service. */
export interface UserPrincipal {
  readonly kind: "user";
  /** Id of the user, from the token's `sub`. Any text; {@link encodeId} makes a segment of channel names of it. */
  readonly user: string | undefined;
  /** Id of the session, from the token's `sid`. Any text, as the user's id. */
  readonly session: string | undefined;
  /** Id of a guest, who has neither a user nor a session. */
  readonly guest?: string;
  /** Token of a guest that is new, which its page keeps; only until it is sent. */
  readonly guestToken?: string;
  readonly grants: Grants;
  /** Expiry in milliseconds since 1970; undefined when the credential does not expire. */
  readonly expiresAt: number | undefined;
  /** The token's `jti`, by which that one token can be revoked. */
  readonly tokenId?: string;
  /**
   * The token's `iat`, in milliseconds since 1970. Without it, every revocation of the token's user or session
   * applies to the token.
   */
  readonly issuedAt?: number;
  /**
   * Time at which the principal's session ends unless it is extended, in milliseconds since 1970; undefined where
   * sessions need no registration.
   */
  readonly sessionEndsAt?: number;
  /** Numbers of connections that the user and the session may have, in place of the limits of the node. */
  readonly maxConnections?: { readonly user?: number; readonly session?: number };
  /** Claims of the token for the conditions of rules. A node keeps those that its rules use. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** W3C trace context of the request in which the principal acts; absent where it is not traced. */
  readonly traceparent?: string;
}

/** Decides whether the scopes of an API key allow an action, on a channel or method or on all. */
export interface ScopeCheck {
  allow(action: string, name?: string): boolean;
}

/**
 * Backend with an API key. It may do everything that its key's scopes allow, except on channels whose rule says
 * `nobody`.
 */
export interface ServicePrincipal {
  readonly kind: "service";
  /** Name of the key, never the key itself. */
  readonly name: string;
  /** Scopes of the key; absent if it allows everything. */
  readonly scopes?: ScopeCheck;
  /** Expiry of the key in milliseconds since 1970; absent if it does not expire. */
  readonly expiresAt?: number;
  /** Checks of what this service signs; absent if its key has no signing keys. */
  readonly signing?: ServiceSigning;
  /** True if the service presented a console token in place of its key. */
  readonly isConsole?: true;
  /** W3C trace context of the request in which the service acts; absent where it is not traced. */
  readonly traceparent?: string;
}

/** Principal that makes a request. */
export type Principal = UserPrincipal | ServicePrincipal;

/** True for a user id that only a guest could have. No credential of a user may have it. */
export function isGuestName(user: string | undefined): boolean {
  return user?.slice(0, 6).toLowerCase() === "guest:";
}

/**
 * True if two credentials belong to the same person: the same user and session, or the same guest. Credentials
 * that name nobody belong to nobody. Two keys of one service are the same, too.
 */
export function isSamePerson(a: Principal, b: Principal): boolean {
  if (a.kind === "service" || b.kind === "service") {
    return a.kind === "service" && b.kind === "service" && a.name === b.name;
  }
  if (a.user === undefined && a.session === undefined && a.guest === undefined) return false;
  return a.user === b.user && a.session === b.session && a.guest === b.guest;
}

const servicePrefix = "service:";

/**
 * Returns the name that identifies a principal as a publisher, as in `user:ann~40example.com`. Dedupe keys are
 * stored per publisher.
 */
export function publisherOf(principal: Principal): string {
  if (principal.kind === "service") return `${servicePrefix}${principal.name}`;
  if (principal.user !== undefined) return `user:${encodeId(principal.user)}`;
  if (principal.guest !== undefined) return `guest:${principal.guest}`;
  return principal.session === undefined ? "anyone" : `session:${encodeId(principal.session)}`;
}

/** Publisher of an entry, with the trace in which it is published. */
export interface Author {
  readonly publisher: string;
  readonly traceparent?: string;
}

/** Returns a principal as the author of entries. */
export function authorOf(principal: Principal): Author {
  const { traceparent } = principal;
  const publisher = publisherOf(principal);
  return traceparent === undefined ? { publisher } : { publisher, traceparent };
}

/** Returns the name of a principal for people: that of its API key, or its id. */
export function nameOf(principal: Principal): string {
  if (principal.kind === "service") return principal.name;
  return principal.user ?? principal.session ?? "";
}

/** Returns the name under which a publisher's limits are counted: its own, or one for all guests together. */
export function shareNameOf(publisher: string): string {
  return publisher.startsWith("guest:") ? "guests" : publisher;
}

/** Ids of the person that a credential belongs to; none for a service. */
export type Person = Partial<
  Pick<UserPrincipal, "user" | "session" | "guest" | "guestToken" | "sessionEndsAt">
>;

/** Returns the person that a credential belongs to. */
export function personOf(principal: Principal | undefined): Person {
  return principal?.kind === "user" ? principal : nobody;
}

const nobody: Person = {};

/** Returns a principal without the token of a guest, which only its welcome carries. */
export function withoutGuestToken(principal: Principal): Principal {
  if (principal.kind === "service" || principal.guestToken === undefined) return principal;
  const { guestToken: _, ...kept } = principal;
  return kept;
}

/**
 * Returns the names of the channels of a principal's user and session that cannot be formed from the id alone,
 * because the id has an encoded form. A client takes them from its welcome and needs no encoder.
 */
export function encodedChannels({ user, session }: Person): {
  readonly session_channel?: string;
  readonly user_channel?: string;
} {
  return {
    ...(session === undefined || encodeId(session) === session
      ? {}
      : { session_channel: `session:${encodeId(session)}` }),
    ...(user === undefined || encodeId(user) === user
      ? {}
      : { user_channel: `user:${encodeId(user)}` }),
  };
}

/** Returns the service with this publisher name; undefined when the publisher is not a service. */
export function serviceOf(publisher: string): ServicePrincipal | undefined {
  if (!publisher.startsWith(servicePrefix)) return undefined;
  return { kind: "service", name: publisher.slice(servicePrefix.length) };
}
