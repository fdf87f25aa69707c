import { RecentNames } from "../runtime/recent-names.ts";
import { ChannelPattern } from "./channel-pattern.ts";
import type { Principal, UserPrincipal } from "./principal.ts";
import type { ResolvedChannel } from "./rule-book.ts";

/** Action that a principal may perform on a channel. */
export type Action = "subscribe" | "publish";

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
  const access = rule[action];
  if (access === "nobody") return refused;
  if (principal.kind === "service" || isGranted(principal, action, name)) return allowed;
  switch (access) {
    case "authenticated":
      return allowed;
    case "granted":
      return refused;
    case "own-user":
      return principal.user !== undefined && principal.user === captures.user ? allowed : refused;
    case "own-session":
      return principal.session !== undefined && principal.session === captures.session
        ? allowed
        : refused;
    case "own-connection":
      return connectionId !== undefined && connectionId === captures.connection ? allowed : refused;
    case "operation-owner":
      return captures.operation === undefined ? refused : { ownerOf: captures.operation };
  }
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
  if (texts.length === 0) return false;
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
