import { RecentNames } from "../runtime/recent-names.ts";
import { ChannelPattern } from "./channel-pattern.ts";
import type { Principal, UserPrincipal } from "./principal.ts";
import type { ResolvedChannel } from "./rule-book.ts";

/** What a principal may want to do on a channel. */
export type Action = "subscribe" | "publish";

/** Whose an operation is. */
export interface Ownership {
  readonly user_id?: string;
  readonly session_id?: string;
}

/** Yes, no, or: yes if the operation of this id is the principal's. */
export type Permission = "allowed" | "refused" | { readonly ownerOf: string };

const refused = "refused" satisfies Permission;
const allowed = "allowed" satisfies Permission;

/**
 * Decides by the channel's rule and the credential's grants; pure, so every message can afford it. `connectionId` is
 * that of the connection which asks.
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

/** Whether an operation is the principal's, by its user or its session; a service's is every one. */
export function owns(principal: Principal, { user_id, session_id }: Ownership): boolean {
  if (principal.kind === "service") return true;
  return (
    (user_id !== undefined && user_id === principal.user) ||
    (session_id !== undefined && session_id === principal.session)
  );
}

const rememberedPatterns = 5_000;

/** Patterns by their text, "none" where it grants nothing: credentials share few. */
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
