import { projectionName } from "@milepost/model";
import { isWildcard, MilepostError, parseEventName } from "@milepost/protocol";
import { type Captures, ChannelPattern } from "./channel-pattern.ts";
import { defaultRules, gatewayRules } from "./default-rules.ts";
import type { LogPolicy } from "./ports/channel-log.ts";
import { rollUpName } from "./roll-up.ts";
import type { Rule } from "./rule.ts";

const dedupeMs = 600_000;
const cachedNames = 10_000;

/** What holds for one channel. */
export interface RuledChannel {
  readonly name: string;
  readonly rule: Rule;
  readonly captures: Captures;
  readonly policy: LogPolicy;
}

interface CompiledRule {
  readonly rule: Rule;
  readonly pattern: ChannelPattern;
  readonly policy: LogPolicy;
}

/** The rules of a node in order: the gateway's own, the deployment's, the defaults. */
export class RuleBook {
  readonly #rules: readonly CompiledRule[];
  /** Recently used names, oldest first; bounded, since names come from outside. */
  readonly #recent = new Map<string, RuledChannel>();

  /** Throws `bad_message` that names the rule when one cannot be. */
  constructor(rules: readonly Rule[]) {
    this.#rules = [...gatewayRules, ...rules, ...defaultRules].map(compiled);
  }

  /**
   * The first rule that matches; the last of the defaults matches every name. Throws `invalid_channel` for what is
   * below a prefix that no rule rolls up.
   */
  of(channel: string): RuledChannel {
    const known = this.#recent.get(channel);
    if (known !== undefined) return known;
    const ruled = this.#find(channel);
    if (this.#recent.size >= cachedNames) {
      const [oldest] = this.#recent.keys();
      if (oldest !== undefined) this.#recent.delete(oldest);
    }
    this.#recent.set(channel, ruled);
    return ruled;
  }

  #find(name: string): RuledChannel {
    const segments = name.split(":");
    for (const { rule, pattern, policy } of this.#rules) {
      const captures = pattern.match(segments);
      if (captures === undefined) continue;
      return {
        name,
        rule,
        captures,
        policy: isWildcard(name) ? policyBelow(name, policy) : policy,
      };
    }
    throw new MilepostError("internal", "no rule matches a channel");
  }
}

/** The policy of the log of everything below a prefix, of the rule that holds for what is there. */
function policyBelow(wildcard: string, { rollUp }: LogPolicy): LogPolicy {
  if (rollUp === undefined) {
    throw new MilepostError(
      "invalid_channel",
      "no rule rolls up what is below this prefix, so it cannot be read as a whole; name one channel",
    );
  }
  const rolledUp = rollUpName(wildcard, rollUp.segments);
  if (rolledUp === wildcard) return rollUp.policy;
  throw new MilepostError(
    "invalid_channel",
    `what is below this prefix can be read as part of ${rolledUp} only; subscribe to that`,
  );
}

function compiled(rule: Rule): CompiledRule {
  const refuse = (why: string): never => {
    throw new MilepostError("bad_message", `rule ${JSON.stringify(rule.pattern)}: ${why}`);
  };
  const pattern = ChannelPattern.read(rule.pattern);
  if (pattern === undefined) {
    return refuse("a pattern is channel segments, {name} for any one, or a last * for one or more");
  }
  if (rule.rollUp !== undefined && (!pattern.isOpen || pattern.length === 0)) {
    refuse("rollUp needs a prefix and a * at the end, as in collection:{collection}:*");
  }
  const { maxEntries, maxAgeMs } = rule.retention;
  if (!Number.isInteger(maxEntries) || maxEntries < 1) refuse("maxEntries must be 1 or more");
  if (!Number.isFinite(maxAgeMs) || maxAgeMs < 1) refuse("maxAgeMs must be 1 or more");
  for (const event of Object.keys(rule.merge ?? {})) {
    if (event !== "*" && !parseEventName(event).ok) {
      refuse(`merge names ${JSON.stringify(event)}, which is no event; * stands for all others`);
    }
  }
  const kept = { maxEntries, maxAgeMs, dedupeMs };
  const policy: LogPolicy = {
    ...kept,
    ...(rule.rollUp === undefined ? {} : { rollUp: { segments: pattern.length, policy: kept } }),
    ...(rule.projection === undefined ? {} : { projection: projectionName(rule.projection) }),
  };
  return { rule, pattern, policy };
}
