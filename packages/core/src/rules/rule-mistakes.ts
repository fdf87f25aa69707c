import { chatBounds } from "@milepost/model";
import { parseEventName } from "@milepost/protocol";
import {
  type Access,
  type Action,
  accessParts,
  actions,
  type ClaimCondition,
  maxAccessParts,
} from "./access.ts";
import { boundName } from "./bound-data.ts";
import { ChannelPattern } from "./channel-pattern.ts";
import { isClaimValue } from "./claims.ts";
import { gatewayOperationRule, operationPattern } from "./default-rules.ts";
import type { Rule } from "./rule.ts";
import { captureIn, ownAccess } from "./rule-access.ts";

/**
 * Yields each mistake in a rule, as a field and an explanation. Does not look at other rules. A valid rule
 * yields nothing.
 */
export function* ruleMistakes(rule: Rule): Generator<readonly [keyof Rule, string], void, void> {
  const pattern = ChannelPattern.read(rule.pattern);
  if (pattern === undefined) {
    yield [
      "pattern",
      "must be channel segments joined by :, {name} for any one, or a last * for one or more",
    ];
  } else yield* captureMistakes(rule, pattern);
  const { maxEntries, maxAgeMs, maxBytes = 1 } = rule.retention;
  if (!Number.isInteger(maxEntries) || maxEntries < 1) {
    yield ["retention", "must have maxEntries of 1 or more"];
  }
  if (!Number.isFinite(maxAgeMs) || maxAgeMs < 1) {
    yield ["retention", "must have maxAgeMs of 1 or more"];
  }
  if (!Number.isInteger(maxBytes) || maxBytes < 1) {
    yield ["retention", "must have maxBytes of 1 or more"];
  }
  if (rule.rate !== undefined) {
    const { perPrincipal } = rule.rate;
    for (const rate of perPrincipal === undefined ? [rule.rate] : [rule.rate, perPrincipal]) {
      const { perSecond, burst = 1 } = rate;
      if (!Number.isFinite(perSecond) || perSecond <= 0)
        yield ["rate", "must have perSecond above 0"];
      if (!Number.isInteger(burst) || burst < 1) yield ["rate", "must have a burst of 1 or more"];
    }
  }
  const { idleTimeoutMs = 1 } = rule;
  if (!Number.isInteger(idleTimeoutMs) || idleTimeoutMs < 1)
    yield ["idleTimeoutMs", "must be 1 or more, in milliseconds"];
  for (const [name, value] of Object.entries(rule.durable ?? {})) {
    if (!Number.isInteger(value) || value < 1) yield ["durable", `must have ${name} of 1 or more`];
  }
  if (rule.outage === "local-then-spool" && rule.projection !== undefined) {
    yield [
      "outage",
      "cannot be local-then-spool with projection: entries published during an outage are shown before they have a place in the log that is folded; leave out projection, or use refuse or spool",
    ];
  }
  if (rule.outage === "local") {
    for (const field of ["projection", "rollUp", "durable"] as const) {
      if (rule[field] === undefined) continue;
      yield [
        "outage",
        `cannot be local with ${field}: entries published during an outage are discarded after it, so they must not reach ${heldBy[field]}; leave out ${field}, or use refuse or spool`,
      ];
    }
  }
  if (rule.compact !== undefined) {
    if (rule.projection !== undefined) {
      yield ["compact", "cannot be combined with projection; leave out one of them"];
    }
    if (rule.outage === "local") {
      yield ["compact", "cannot be combined with outage local, which discards entries; use refuse"];
    }
  }
  if (rule.bind !== undefined) yield* bindMistakes(rule.bind);
  if (rule.bindIds !== undefined) yield* idMistakes(rule, rule.bindIds);
  const { batchMs = 1 } = rule;
  if (!Number.isInteger(batchMs) || batchMs < 1 || batchMs > 1_000) {
    yield ["batchMs", "must be a whole number from 1 to 1000"];
  }
  for (const field of ["merge", "schema"] as const) {
    for (const event of Object.keys(rule[field] ?? {})) {
      if (event === "*" || parseEventName(event).ok) continue;
      yield [field, `names ${JSON.stringify(event)}, which is no event; * stands for all others`];
    }
  }
}

/**
 * Part of an error message, by field of a rule: names where that field would keep entries that must be
 * discarded after an outage.
 */
const heldBy = {
  projection: "a state that is kept",
  rollUp: "a log that is kept",
  durable: "durable subscribers",
} as const;

/** Name of the capture that the pattern needs, by kind of access. */
const accessCaptures = {
  "own-user": "user",
  "own-session": "session",
  "own-guest": "guest",
  "own-connection": "connection",
  "operation-owner": "operation",
} as const;

/** Yields the mistakes in what the rule says of one action, or of one role of a chat. */
function* accessMistakes(
  action: Action | "roles",
  access: Access,
  pattern: ChannelPattern,
): Generator<readonly [keyof Rule, string], void, void> {
  const captures = (name: string) =>
    pattern.segments.some((segment) => "name" in segment && segment.name === name);
  const parts = [...accessParts(access)];
  if (parts.length === 0 || parts.length > maxAccessParts) {
    yield [action, `must name 1 to ${maxAccessParts} groups and conditions`];
  }
  for (const part of parts) {
    if (typeof part === "object") {
      for (const mistake of conditionMistakes(part, captures)) yield [action, mistake];
      continue;
    }
    if (part === "nobody" && access !== "nobody") {
      yield [action, "must be nobody alone; nobody cannot be combined with others"];
    }
    if (part === "own-connection" && (action === "publish" || action === "end")) {
      yield [action, "cannot be own-connection: services publish there; use granted or nobody"];
      continue;
    }
    if (action === "roles" && (part === "own-connection" || part === "operation-owner")) {
      yield [action, `cannot name ${part}: a role is decided by the credential alone`];
      continue;
    }
    const name = part in accessCaptures && accessCaptures[part as keyof typeof accessCaptures];
    if (name && !captures(name)) {
      yield [
        action,
        `is ${part}, so the pattern must have {${name}}; without it nobody could ${deeds[action]}`,
      ];
    }
  }
}

/** Words for each action in error messages. */
const deeds = {
  subscribe: "subscribe",
  publish: "publish",
  presence: "be present",
  history: "read the history",
  command: "command the operation",
  end: "end the channel",
  roles: "speak in the role",
} as const satisfies Record<Action | "roles", string>;

const maxRoles = 20;

function* roleMistakes(
  roles: Readonly<Record<string, Access>>,
  pattern: ChannelPattern,
): Generator<readonly [keyof Rule, string], void, void> {
  const named = Object.entries(roles);
  if (named.length === 0 || named.length > maxRoles) {
    yield ["roles", `must name 1 to ${maxRoles} roles; * stands for all others`];
  }
  for (const [role, access] of named) {
    if (role === "" || role.length > chatBounds.role) {
      yield ["roles", `names a role that does not have 1 to ${chatBounds.role} characters`];
    }
    yield* accessMistakes("roles", access, pattern);
  }
}

const maxClaimNameLength = 200;

function* conditionMistakes(
  { claim, equals, in: values }: ClaimCondition,
  captures: (name: string) => boolean,
): Generator<string> {
  if (typeof claim !== "string" || claim === "" || claim.length > maxClaimNameLength) {
    yield `has a condition whose claim is not a name of 1 to ${maxClaimNameLength} characters`;
  }
  if ((equals === undefined) === (values === undefined)) {
    yield `has a condition on the claim ${claim} that needs either equals or in`;
    return;
  }
  if (values !== undefined && (values.length === 0 || values.length > 100)) {
    yield `has a condition on the claim ${claim} whose list must have 1 to 100 values`;
  }
  if (![...(values ?? []), ...(equals === undefined ? [] : [equals])].every(isClaimValue)) {
    yield `has a condition on the claim ${claim} with a value that is no string, number, true or false`;
  }
  const name = equals === undefined ? undefined : captureIn(equals);
  if (name !== undefined && !captures(name)) {
    yield `has a condition with {${name}}, so the pattern must have {${name}}`;
  }
}

function* captureMistakes(
  rule: Rule,
  pattern: ChannelPattern,
): Generator<readonly [keyof Rule, string], void, void> {
  for (const action of actions) {
    const access = ownAccess(rule, action);
    if (access !== undefined) yield* accessMistakes(action, access, pattern);
  }
  if (rule.roles !== undefined) yield* roleMistakes(rule.roles, pattern);
  if (rule.pattern === operationPattern) yield* operationMistakes(rule);
  else if (rule.command !== undefined) {
    yield ["command", `needs the pattern ${operationPattern}; other channels take no commands`];
  }
  const { rollUp } = rule;
  if (rollUp === true && (!pattern.isOpen || pattern.segments.length === 0)) {
    yield [
      "rollUp",
      "needs a pattern with a prefix and a * at its end, as in collection:{collection}:*; a rule for only some of those channels sets rollUp to that pattern",
    ];
  }
  if (typeof rollUp === "string" && !isPrefix(ChannelPattern.read(rollUp), pattern)) {
    yield ["rollUp", `must be true, or ${rule.pattern} or a prefix of it with :* at its end`];
  }
}

const maxBound = 20;

function* bindMistakes(
  bind: Readonly<Record<string, string>>,
): Generator<readonly [keyof Rule, string], void, void> {
  const bound = Object.entries(bind);
  if (bound.length === 0 || bound.length > maxBound) {
    yield ["bind", `must name 1 to ${maxBound} fields`];
  }
  for (const [path, text] of bound) {
    if (path === "" || path.length > maxClaimNameLength || boundName(text) === undefined) {
      yield [
        "bind",
        `must map a field to {sub}, {sid}, {guest} or a {claim}, not ${JSON.stringify(text)}`,
      ];
    }
  }
}

function* idMistakes(
  { outage = "refuse", encrypted, projection }: Rule,
  bindIds: NonNullable<Rule["bindIds"]>,
): Generator<readonly [keyof Rule, string], void, void> {
  const events = Object.entries(bindIds);
  if (events.length === 0 || events.length > maxBound) {
    yield ["bindIds", `must name 1 to ${maxBound} events`];
  }
  for (const [event, bound] of events) {
    if (event !== "*" && !parseEventName(event).ok) {
      yield [
        "bindIds",
        `names ${JSON.stringify(event)}, which is no event; * stands for all others`,
      ];
    }
    const fields = typeof bound === "string" ? [bound] : bound;
    if (fields.length === 0 || fields.length > maxBound || !fields.every(isField)) {
      yield ["bindIds", `must map ${event} to a field, or to a list of 1 to ${maxBound} fields`];
    }
    // The text projection takes the first of these two that it finds.
    if (projection?.name === "text" && fields[0] !== "messageId") {
      yield ["bindIds", "must name messageId first with the projection text, whose id it is"];
    }
  }
  if (outage !== "refuse" && outage !== "spool") {
    yield [
      "bindIds",
      `cannot be with outage ${outage}: a node that goes on by itself does not know the authors; use refuse or spool`,
    ];
  }
  if (encrypted === true) {
    yield [
      "bindIds",
      "cannot be with encrypted: true, since the gateway does not see the ids; encrypt only fields",
    ];
  }
}

function isField(path: unknown): boolean {
  return typeof path === "string" && path !== "" && path.length <= maxClaimNameLength;
}

/** Yields the fields in which a rule for operations differs from what the gateway needs for them. */
function* operationMistakes(rule: Rule): Generator<readonly [keyof Rule, string], void, void> {
  for (const field of Object.keys(rule) as (keyof Rule)[]) {
    if (field === "subscribe" || field === "history" || field === "command") continue;
    if (JSON.stringify(rule[field]) === JSON.stringify(gatewayOperationRule[field])) continue;
    yield [
      field,
      "is set by the gateway for operations; leave it out, or make the rule with operationRule",
    ];
  }
}

/**
 * Returns true if `prefix` ends with `*` and its other segments equal the first segments of `of`. `of` may be the prefix
 * itself.
 */
function isPrefix(prefix: ChannelPattern | undefined, of: ChannelPattern): boolean {
  if (prefix === undefined || !prefix.isOpen || prefix.segments.length === 0) return false;
  if (of.segments.length < prefix.segments.length) return false;
  return prefix.segments.every(
    (segment, i) => JSON.stringify(segment) === JSON.stringify(of.segments[i]),
  );
}
