import { isRecord } from "@milepost/protocol";
import { type ClaimValue, isClaimValue } from "./claims.ts";

/** Group of principals, by name. */
export type AccessName =
  /** Everyone with a valid credential, guests included. */
  | "anyone"
  /** Everyone with a valid credential except guests. */
  | "authenticated"
  /** Guests only: pages without a token, where the deployment admits them. */
  | "guests"
  /** Only services, and users whose token grants the action on the channel. */
  | "granted"
  /** The user whose `sub` is what the pattern captured as `user`. */
  | "own-user"
  /** The session whose `sid` is what the pattern captured as `session`. */
  | "own-session"
  /** The guest whose id is what the pattern captured as `guest`. */
  | "own-guest"
  /** The connection whose id is what the pattern captured as `connection`; for `subscribe` only. */
  | "own-connection"
  /** The user or the session of the operation captured as `operation`. */
  | "operation-owner"
  /** Nobody but the gateway itself. */
  | "nobody";

/**
 * Condition on a claim of the token. Exactly one of `equals` and `in` is set. If the claim is a list, one of
 * its items must match.
 */
export interface ClaimCondition {
  /** Name of the claim; `a.b` also finds the field `b` of the claim `a`. */
  readonly claim: string;
  /** Value that the claim must have. `{name}` stands for what the pattern captured as `name`. */
  readonly equals?: ClaimValue;
  /** Values of which the claim must have one. */
  readonly in?: readonly ClaimValue[];
}

/**
 * Principals that may perform an action on the channels of a rule: a group, a condition on a claim, all of
 * several, or, as a list, any of several.
 */
export type Access =
  | AccessName
  | ClaimCondition
  | { readonly all: readonly Access[] }
  | readonly Access[];

/** Action that a rule allows to some principals. */
export type Action = "subscribe" | "publish" | "presence" | "history" | "command" | "end";

/** All actions. */
export const actions: readonly Action[] = [
  "subscribe",
  "publish",
  "presence",
  "history",
  "command",
  "end",
];

/** Maximum number of groups and conditions that one action of a rule may combine. */
export const maxAccessParts = 50;

/** Yields the groups and conditions that an access is made of. */
export function* accessParts(access: Access): Generator<AccessName | ClaimCondition> {
  if (isAnyOf(access)) for (const part of access) yield* accessParts(part);
  else if (typeof access === "object" && "all" in access) {
    for (const part of access.all) yield* accessParts(part);
  } else yield access;
}

/** True if the access is a list, of which any part suffices. */
export function isAnyOf(access: Access): access is readonly Access[] {
  return Array.isArray(access);
}

/** Names of all groups. */
export const accessNames = [
  "anyone",
  "authenticated",
  "guests",
  "granted",
  "own-user",
  "own-session",
  "own-guest",
  "own-connection",
  "operation-owner",
  "nobody",
] as const satisfies readonly AccessName[];

/** Maximum depth to which lists and `all` may be nested in an access. */
const maxDepth = 4;

/** True if a value from outside has the form of an access. Does not say whether it makes sense for its pattern. */
export function isAccess(value: unknown, depth: number = maxDepth): value is Access {
  if (typeof value === "string") return (accessNames as readonly string[]).includes(value);
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((part) => isAccess(part, depth - 1));
  if (!isRecord(value)) return false;
  const names = Object.keys(value);
  if (names.length === 1 && Array.isArray(value.all)) return isAccess(value.all, depth);
  const { claim, equals, in: values } = value;
  return (
    typeof claim === "string" &&
    names.every((name) => name === "claim" || name === "equals" || name === "in") &&
    (equals === undefined || isClaimValue(equals)) &&
    (values === undefined || (Array.isArray(values) && values.every(isClaimValue)))
  );
}
