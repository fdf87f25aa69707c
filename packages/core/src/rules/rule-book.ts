import { defaultMaxBytes, type LogPolicy, rollUpName } from "@milepost/engine";
import { projectionName } from "@milepost/model";
import { type ContractChannels, isWildcard, MilepostError } from "@milepost/protocol";
import { RecentNames } from "../runtime/recent-names.ts";
import { accessParts, actions } from "./access.ts";
import { boundClaims } from "./bound-data.ts";
import type { Captures } from "./channel-pattern.ts";
import { rolesClaim } from "./claims.ts";
import { ChannelContract, type EventSchemas } from "./contract/channel-contract.ts";
import { contractRules } from "./contract/contract-rules.ts";
import { type PlacedRule, placedRules, rolledUp } from "./placed-rules.ts";
import type { Rule } from "./rule.ts";
import { ownAccess } from "./rule-access.ts";
import { RuleTrie } from "./rule-trie.ts";

const dedupeMs = 600_000;
const cachedNames = 10_000;

/** Channel name with the rule and the log policy that apply to it. */
export interface ResolvedChannel {
  readonly name: string;
  readonly rule: Rule;
  readonly captures: Captures;
  readonly policy: LogPolicy;
  /**
   * Events that the channel may have, with their schemas. Undefined for the gateway's own channels, and where
   * no contract names the channel.
   */
  readonly events: EventSchemas | undefined;
}

interface CompiledRule extends PlacedRule {
  readonly policy: LogPolicy;
}

/** Rules of a node in order: the gateway's own, the deployment's, its contract's, the defaults. */
export class RuleBook {
  readonly #rules: readonly CompiledRule[];
  readonly #trie: RuleTrie;
  readonly #contract: ChannelContract;
  /** Names of the claims that the rules use. */
  readonly claims: ReadonlySet<string>;
  readonly #recent = new RecentNames<ResolvedChannel>(cachedNames);

  /** Throws `bad_message` that names each invalid rule and its mistakes. */
  constructor(rules: readonly Rule[], contracted?: ContractChannels) {
    const all = placedRules(rules, contractRules(contracted));
    this.#contract = new ChannelContract(contracted);
    this.#rules = all.map((placed) => ({ ...placed, policy: policyOf(placed, all) }));
    this.claims = claimsIn(all.map(({ rule }) => rule));
    this.#trie = new RuleTrie(all.map(({ pattern }) => pattern));
  }

  /** All rules, in order. */
  get rules(): readonly PlacedRule[] {
    return this.#rules;
  }

  /**
   * Resolves a name to the first rule that matches; the last default rule matches every name. Throws
   * `invalid_channel` for a name that ends in `:*` and is not the name of a roll-up.
   */
  of(channel: string): ResolvedChannel {
    const known = this.#recent.get(channel);
    if (known !== undefined) return known;
    const resolved = this.#find(channel);
    this.#recent.set(channel, resolved);
    return resolved;
  }

  /** Returns the index of the rule that applies, among all rules. */
  indexOf(channel: string): number {
    const index = this.#trie.find(channel.split(":"));
    if (index === undefined) throw new MilepostError("internal", "no rule matches a channel");
    return index;
  }

  #find(name: string): ResolvedChannel {
    const compiled = this.#rules[this.indexOf(name)];
    const captures = compiled?.pattern.match(name.split(":"));
    if (compiled === undefined || captures === undefined) {
      throw new MilepostError("internal", "the rule found for a channel does not match it");
    }
    const { rule, policy, origin } = compiled;
    const contracted = origin === "gateway" ? undefined : this.#contract.find(name);
    const events = contracted && { ...namedEvents(rule), ...contracted };
    return {
      name,
      // The contract's events apply whichever rule matches. Events that the rule itself names are allowed as
      // well.
      rule: events === undefined ? rule : { ...rule, schema: events },
      events,
      captures,
      policy: isWildcard(name) ? policyBelow(name, rule, policy) : policy,
    };
  }
}

function claimsIn(rules: readonly Rule[]): ReadonlySet<string> {
  // The inbox of a user shows what is addressed to the roles of the token.
  const names = new Set<string>([rolesClaim]);
  for (const rule of rules) {
    for (const action of actions) {
      const access = ownAccess(rule, action);
      if (access === undefined) continue;
      for (const part of accessParts(access)) if (typeof part === "object") names.add(part.claim);
    }
    for (const access of Object.values(rule.roles ?? {})) {
      for (const part of accessParts(access)) if (typeof part === "object") names.add(part.claim);
    }
    for (const name of boundClaims(rule)) names.add(name);
  }
  return names;
}

/** Returns the events that a rule names itself, without the schema for `*`. */
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
    ...(placed.rule.compact === undefined ? {} : { compacted: true }),
    ...(rollUp === undefined || whole === undefined
      ? {}
      : { rollUp: { segments: whole.pattern.segments.length, policy: kept(whole.rule) } }),
  };
}

function kept(rule: Rule): LogPolicy {
  const { retention, showPublisher } = rule;
  const outage = rule.outage ?? (isEphemeral(rule) ? "local" : "refuse");
  const whole: LogPolicy = {
    maxBytes: defaultMaxBytes,
    ...retention,
    dedupeMs,
    ...(showPublisher === true ? { showsPublisher: true } : {}),
  };
  if (outage === "local") return { ...whole, goesOnLocally: true };
  if (outage !== "local-then-spool") return whole;
  return { ...whole, goesOnLocally: true, isAppendedLater: true };
}

/** True for a rule whose events matter only at the moment: all are ephemeral, and nothing keeps them. */
function isEphemeral({ merge = {}, projection, rollUp, durable, compact }: Rule): boolean {
  const classes = Object.values(merge);
  const isKept = [projection, rollUp, durable, compact].some((field) => field !== undefined);
  return merge["*"] === "ephemeral" && classes.every((one) => one === "ephemeral") && !isKept;
}

/**
 * Returns the log policy of the roll-up `wildcard`, from the rule and the policy that match its name. Throws
 * `invalid_channel` if the rule does not roll up to exactly this name.
 */
function policyBelow(wildcard: string, rule: Rule, { rollUp }: LogPolicy): LogPolicy {
  const name = rollUp && rollUpName(wildcard, rollUp.segments);
  if (rule.rollUp === true && name === wildcard) return rollUp?.policy ?? kept(rule);
  throw new MilepostError(
    "invalid_channel",
    name === undefined
      ? "no rule rolls up the channels below this prefix, so they cannot be read as one; name a single channel"
      : `the channels below this prefix can be read as part of ${name} only; subscribe to that`,
  );
}
