import { type LogPolicy, rollUpName } from "@milepost/engine";
import { projectionName } from "@milepost/model";
import { type ContractChannels, isWildcard, MilepostError } from "@milepost/protocol";
import { RecentNames } from "../runtime/recent-names.ts";
import type { Captures } from "./channel-pattern.ts";
import { ChannelContract, type EventSchemas } from "./contract/channel-contract.ts";
import { contractRules } from "./contract/contract-rules.ts";
import { type PlacedRule, placedRules, rolledUp } from "./placed-rules.ts";
import type { Rule } from "./rule.ts";
import { RuleTrie } from "./rule-trie.ts";

const dedupeMs = 600_000;
const cachedNames = 10_000;

/** What holds for one channel. */
export interface ResolvedChannel {
  readonly name: string;
  readonly rule: Rule;
  readonly captures: Captures;
  readonly policy: LogPolicy;
  /** The only events it may have, where a contract names it. */
  readonly events: EventSchemas | undefined;
}

interface CompiledRule extends PlacedRule {
  readonly policy: LogPolicy;
}

/** The rules of a node in order: the gateway's own, the deployment's, those of its contract, the defaults. */
export class RuleBook {
  readonly #rules: readonly CompiledRule[];
  readonly #trie: RuleTrie;
  readonly #contract: ChannelContract;
  readonly #recent = new RecentNames<ResolvedChannel>(cachedNames);

  /** Throws `bad_message` that names each rule that cannot be, and why. */
  constructor(rules: readonly Rule[], contracted?: ContractChannels) {
    const all = placedRules(rules, contractRules(contracted));
    this.#contract = new ChannelContract(contracted);
    this.#rules = all.map((placed) => ({ ...placed, policy: policyOf(placed, all) }));
    this.#trie = new RuleTrie(all.map(({ pattern }) => pattern));
  }

  /** All of them, in order. */
  get rules(): readonly PlacedRule[] {
    return this.#rules;
  }

  /**
   * The first rule that matches; the last of the defaults matches every name. Throws `invalid_channel` for what is
   * below a prefix that no rule rolls up.
   */
  of(channel: string): ResolvedChannel {
    const known = this.#recent.get(channel);
    if (known !== undefined) return known;
    const resolved = this.#find(channel);
    this.#recent.set(channel, resolved);
    return resolved;
  }

  /** Where the rule that holds stands in all of them. */
  indexOf(channel: string): number {
    const index = this.#trie.find(channel.split(":"));
    if (index === undefined) throw new MilepostError("internal", "no rule matches a channel");
    return index;
  }

  #find(name: string): ResolvedChannel {
    const compiled = this.#rules[this.indexOf(name)];
    const captures = compiled?.pattern.match(name.split(":"));
    if (compiled === undefined || captures === undefined) {
      throw new MilepostError("internal", "a rule was found that does not match");
    }
    const { rule, policy, origin } = compiled;
    const contracted = origin === "gateway" ? undefined : this.#contract.find(name);
    const events = contracted && { ...namedEvents(rule), ...contracted };
    return {
      name,
      // A contract says what a channel carries, whichever rule holds for it; what the rule names stays.
      rule: events === undefined ? rule : { ...rule, schema: events },
      events,
      captures,
      policy: isWildcard(name) ? policyBelow(name, rule, policy) : policy,
    };
  }
}

/** The events that a rule names: those of a default's own channel, say, or what an operator adds. */
function namedEvents({ schema = {} }: Rule): EventSchemas {
  const { "*": _, ...named } = schema;
  return named;
}

function policyOf(placed: PlacedRule, all: readonly PlacedRule[]): LogPolicy {
  const { projection, rollUp } = placed.rule;
  const whole = typeof rollUp === "string" ? rolledUp(rollUp, all) : placed;
  return {
    ...kept(placed.rule),
    ...(projection === undefined ? {} : { projection: projectionName(projection) }),
    ...(rollUp === undefined || whole === undefined
      ? {}
      : { rollUp: { segments: whole.pattern.segments.length, policy: kept(whole.rule) } }),
  };
}

function kept({ retention: { maxEntries, maxAgeMs }, outage }: Rule): LogPolicy {
  const whole = { maxEntries, maxAgeMs, dedupeMs };
  return outage === "local" ? { ...whole, goesOnLocally: true } : whole;
}

/** The policy of the log of everything below a prefix, of the rule that holds for what is there. */
function policyBelow(wildcard: string, rule: Rule, { rollUp }: LogPolicy): LogPolicy {
  const name = rollUp && rollUpName(wildcard, rollUp.segments);
  if (rule.rollUp === true && name === wildcard) return rollUp?.policy ?? kept(rule);
  throw new MilepostError(
    "invalid_channel",
    name === undefined
      ? "no rule rolls up what is below this prefix, so it cannot be read as a whole; name one channel"
      : `what is below this prefix can be read as part of ${name} only; subscribe to that`,
  );
}
