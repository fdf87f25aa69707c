import { encodeId } from "@milepost/protocol";
import { RecentNames } from "../runtime/recent-names.ts";
import {
  type Access,
  type AccessName,
  type Action,
  type ClaimCondition,
  isAnyOf,
} from "./access.ts";
import { type Captures, ChannelPattern } from "./channel-pattern.ts";
import type { ClaimValue } from "./claims.ts";
import type { Principal, UserPrincipal } from "./principal.ts";
import { captureIn, inheritedAccess, inheritedFrom, ownAccess } from "./rule-access.ts";
import type { ResolvedChannel } from "./rule-book.ts";
import { isInScope } from "./service-scopes.ts";

/** User and session to whom an operation belongs. */
export interface Ownership {
  readonly user_id?: string;
  readonly session_id?: string;
}

/**
 * Decision on an action: allowed, refused, or allowed if the operation with the id `ownerOf` belongs to the
 * principal.
 */
export type Permission = "allowed" | "refused" | { readonly ownerOf: string };

const refused = "refused" satisfies Permission;
const allowed = "allowed" satisfies Permission;

/**
 * Decides on an action by the channel's rule and the credential's grants. The function has no side effects and
 * does no I/O, so it can run for every message. `connectionId` is the id of the connection that requests the
 * action.
 */
export function permissionFor(
  principal: Principal,
  { name, rule, captures }: ResolvedChannel,
  action: Action,
  connectionId?: string,
): Permission {
  const own = ownAccess(rule, action);
  const access = own ?? inheritedAccess(rule, action);
  if (access === "nobody") return refused;
  if (principal.kind === "service") return isInScope(principal, action, name) ? allowed : refused;
  if (isGranted(principal, action, name)) return allowed;
  const inherited = inheritedFrom[action];
  if (own === undefined && inherited !== undefined && isGranted(principal, inherited, name)) {
    return allowed;
  }
  return granted(access, principal, captures, connectionId);
}

/**
 * True if the principal belongs to a group of the channel. `granted` stands for those whose token grants publishing
 * there; nobody belongs to `operation-owner` or `own-connection`.
 */
export function isMember(
  access: Access,
  principal: UserPrincipal,
  { name, captures }: Pick<ResolvedChannel, "name" | "captures">,
): boolean {
  if (access === "granted") return isGranted(principal, "publish", name);
  if (isAnyOf(access)) {
    return access.some((part) => isMember(part, principal, { name, captures }));
  }
  if (typeof access === "object" && "all" in access) {
    return access.all.every((part) => isMember(part, principal, { name, captures }));
  }
  return granted(access, principal, captures, undefined) === allowed;
}

function granted(
  access: Access,
  principal: UserPrincipal,
  captures: Captures,
  connectionId: string | undefined,
): Permission {
  if (typeof access === "string") return memberOf(access, principal, captures, connectionId);
  if (isAnyOf(access)) {
    let best: Permission = refused;
    for (const part of access) {
      const permission = granted(part, principal, captures, connectionId);
      if (permission === allowed) return allowed;
      if (best === refused) best = permission;
    }
    return best;
  }
  if (!("all" in access)) return isMet(access, principal, captures) ? allowed : refused;
  let least: Permission = allowed;
  for (const part of access.all) {
    const permission = granted(part, principal, captures, connectionId);
    if (permission === refused) return refused;
    if (least === allowed) least = permission;
  }
  return least;
}

function memberOf(
  access: AccessName,
  { user, session, guest }: UserPrincipal,
  captures: Captures,
  connectionId: string | undefined,
): Permission {
  switch (access) {
    case "anyone":
      return allowed;
    case "authenticated":
      return guest === undefined ? allowed : refused;
    case "guests":
      return guest === undefined ? refused : allowed;
    case "granted":
    case "nobody":
      return refused;
    case "own-user":
      return isNamed(user, captures.user) ? allowed : refused;
    case "own-session":
      return isNamed(session, captures.session) ? allowed : refused;
    case "own-guest":
      return guest !== undefined && guest === captures.guest ? allowed : refused;
    case "own-connection":
      return connectionId !== undefined && connectionId === captures.connection ? allowed : refused;
    case "operation-owner":
      return captures.operation === undefined ? refused : { ownerOf: captures.operation };
  }
}

/** True if a segment of a channel name is the encoded form of a principal's id. */
function isNamed(id: string | undefined, segment: string | undefined): boolean {
  return id !== undefined && encodeId(id) === segment;
}

function isMet(
  { claim, equals, in: values }: ClaimCondition,
  { claims }: UserPrincipal,
  captures: Captures,
): boolean {
  const held = claims?.[claim];
  if (held === undefined) return false;
  const has = (value: ClaimValue) => (Array.isArray(held) ? held.includes(value) : held === value);
  if (values !== undefined) return values.some(has);
  if (equals === undefined) return false;
  const name = captureIn(equals);
  if (name === undefined) return has(equals);
  const captured = captures[name];
  if (captured === undefined) return false;
  // A capture is a segment of a name, so a claim is compared in its encoded form, and a number by its digits.
  const isCaptured = (value: unknown) =>
    (typeof value === "string" || typeof value === "number") &&
    encodeId(String(value)) === captured;
  return Array.isArray(held) ? held.some(isCaptured) : isCaptured(held);
}

/**
 * Returns true if an operation belongs to the principal, by its user or its session. Every operation belongs to
 * a service.
 */
export function owns(principal: Principal, { user_id, session_id }: Ownership): boolean {
  if (principal.kind === "service") return true;
  return (
    (user_id !== undefined && user_id === principal.user) ||
    (session_id !== undefined && session_id === principal.session)
  );
}

const rememberedPatterns = 5_000;

/**
 * Cache of parsed patterns, keyed by their text; "none" for a text that is not a pattern and therefore grants
 * nothing. It serves all credentials, since most of them grant the same few patterns.
 */
const patterns = new RecentNames<ChannelPattern | "none">(rememberedPatterns);

function isGranted({ grants }: UserPrincipal, action: Action, channel: string): boolean {
  const texts = grants[action];
  if (texts === undefined || texts.length === 0) return false;
  const segments = channel.split(":");
  return texts.some((text) => patternOf(text)?.match(segments) !== undefined);
}

function patternOf(text: string): ChannelPattern | undefined {
  let pattern = patterns.get(text);
  if (pattern === undefined) {
    pattern = ChannelPattern.read(text) ?? "none";
    patterns.set(text, pattern);
  }
  return pattern === "none" ? undefined : pattern;
}
