import { type Access, type Action, accessParts } from "./access.ts";
import type { ClaimValue } from "./claims.ts";
import type { Rule } from "./rule.ts";

/** True if a decision on the action may need the look-up of an operation. */
export function mayLookUp(rule: Rule, action: Action): boolean {
  const access = ownAccess(rule, action) ?? inheritedAccess(rule, action);
  if (typeof access === "string") return access === "operation-owner";
  for (const part of accessParts(access)) if (part === "operation-owner") return true;
  return false;
}

/** Action whose access and grants apply where a rule says nothing of an action itself. */
export const inheritedFrom = {
  subscribe: undefined,
  publish: undefined,
  presence: "subscribe",
  history: "subscribe",
  command: undefined,
  end: "publish",
} as const satisfies Record<Action, Action | undefined>;

/** Returns what a rule itself says of an action; undefined if it says nothing. */
export function ownAccess(rule: Rule, action: Action): Access | undefined {
  if (action !== "presence") return rule[action];
  return typeof rule.presence === "object" ? rule.presence.access : undefined;
}

/** Returns the access that applies where a rule says nothing of an action itself. */
export function inheritedAccess(rule: Rule, action: Action): Access {
  const from = inheritedFrom[action];
  return from === undefined ? "operation-owner" : rule[from as "subscribe" | "publish"];
}

/** Returns the name of the capture that the text `{name}` stands for; undefined for any other value. */
export function captureIn(value: ClaimValue): string | undefined {
  return typeof value === "string" ? /^\{([A-Za-z0-9_]+)\}$/.exec(value)?.[1] : undefined;
}
