import { isChannelSegment, MilepostError, maxChannelBytes } from "@milepost/protocol";
import { accessParts } from "../rules/access.ts";
import { type Captures, ChannelPattern } from "../rules/channel-pattern.ts";
import { isMember } from "../rules/permissions.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import { queueMistakes } from "./queue-mistakes.ts";
import { type QueueLanes, type QueueRule, queueDefaults } from "./queue-rule.ts";

/** Rule that applies to a queue, with all defaults. */
export interface ResolvedQueue {
  readonly name: string;
  readonly rule: QueueRule;
  readonly captures: Captures;
  readonly lanes: QueueLanes;
  /** Lane of tickets for which nobody names one. */
  readonly lane: string;
  readonly graceMs: number;
  readonly maxWaiting: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
}

const unruled: QueueRule = { queue: "*", join: "nobody" };

/** Rules of a node's queues, in order. */
export class QueueBook {
  readonly #rules: readonly { readonly rule: QueueRule; readonly pattern: ChannelPattern }[];
  /** Names of the claims that the rules use. */
  readonly claims: ReadonlySet<string>;

  /** Throws `bad_message` that names each invalid rule and its mistakes. */
  constructor(rules: readonly QueueRule[]) {
    const mistakes = rules.flatMap((rule, i) =>
      [...queueMistakes(rule)].map(([field, text]) => `queues[${i}].${field} ${text}`),
    );
    if (mistakes.length > 0) throw new MilepostError("bad_message", mistakes.join("; "));
    this.#rules = rules.flatMap((rule) => {
      const pattern = ChannelPattern.read(rule.queue);
      return pattern === undefined ? [] : [{ rule, pattern }];
    });
    this.claims = claimsIn(rules);
  }

  /** Resolves the name of a queue to its rule; throws `bad_message` for a text that is no name. */
  of(name: string): ResolvedQueue {
    const segments = name.split(":");
    if (!segments.every(isChannelSegment) || `queue:${name}`.length > maxChannelBytes) {
      throw new MilepostError(
        "bad_message",
        "the name of a queue has segments of A-Z a-z 0-9 _ . ~ - joined by :, such as preview",
      );
    }
    for (const { rule, pattern } of this.#rules) {
      const captures = pattern.match(segments);
      if (captures !== undefined) return resolved(name, rule, captures);
    }
    return resolved(name, unruled, {});
  }
}

function resolved(name: string, rule: QueueRule, captures: Captures): ResolvedQueue {
  const lanes = rule.lanes ?? { [queueDefaults.lane]: 1 };
  return {
    name,
    rule,
    captures,
    lanes,
    lane: rule.lane ?? Object.keys(lanes).at(-1) ?? queueDefaults.lane,
    graceMs: rule.graceMs ?? queueDefaults.graceMs,
    maxWaiting: rule.maxWaiting ?? queueDefaults.maxWaiting,
    leaseMs: rule.leaseMs ?? queueDefaults.leaseMs,
    maxAttempts: rule.maxAttempts ?? queueDefaults.maxAttempts,
  };
}

/** True if the rule of a queue lets a user join for itself. */
export function mayJoin({ name, rule, captures }: ResolvedQueue, user: UserPrincipal): boolean {
  return isMember(rule.join, user, { name: `queue:${name}`, captures });
}

/** Returns the lane that the token of a user gives it. A claim that names no lane of the rule gives the default lane. */
export function laneOf({ rule, lanes, lane }: ResolvedQueue, { claims }: UserPrincipal): string {
  const held = rule.laneClaim === undefined ? undefined : claims?.[rule.laneClaim];
  const named = Array.isArray(held) ? held : [held];
  return named.find((each) => typeof each === "string" && Object.hasOwn(lanes, each)) ?? lane;
}

function claimsIn(rules: readonly QueueRule[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { join, laneClaim } of rules) {
    if (laneClaim !== undefined) names.add(laneClaim);
    for (const part of accessParts(join)) if (typeof part === "object") names.add(part.claim);
  }
  return names;
}
