import { MilepostError } from "@milepost/protocol";
import { ChannelPattern } from "./channel-pattern.ts";
import { defaultRules, gatewayRules, operationPattern } from "./default-rules.ts";
import type { Rule } from "./rule.ts";
import { ruleMistakes } from "./rule-mistakes.ts";

/** Origin of a rule: the gateway itself, the deployment, its contract, or the defaults. */
export type RuleOrigin = "gateway" | "deployment" | "contract" | "default";

/** Rule with its parsed pattern, its origin, and its index among the rules of that origin. */
export interface PlacedRule {
  readonly rule: Rule;
  readonly pattern: ChannelPattern;
  readonly origin: RuleOrigin;
  /** Index among the rules of the same origin, from 0. */
  readonly index: number;
}

/** Mistake in one of a deployment's rules. */
export interface RuleMistake {
  /** Index of the rule, from 0. */
  readonly index: number;
  readonly field: keyof Rule;
  readonly message: string;
}

/**
 * Returns all rules of a node in order: the gateway's own, the deployment's, its contract's, the defaults.
 * Throws `bad_message` that names each invalid rule and its mistakes.
 */
export function placedRules(
  rules: readonly Rule[],
  contracted: readonly Rule[] = [],
): readonly PlacedRule[] {
  const all = inOrder(rules, contracted);
  const lines = [...rules, ...contracted].flatMap((rule) => {
    const mistakes = mistakesOf(rule, all).map(([field, why]) => `${field} ${why}`);
    return mistakes.length === 0
      ? []
      : [`rule ${JSON.stringify(rule.pattern)}: ${mistakes.join("; ")}`];
  });
  if (lines.length > 0) throw new MilepostError("bad_message", lines.join("\n"));
  return all;
}

/** Returns all mistakes in a deployment's rules, in order. */
export function mistakesIn(rules: readonly Rule[]): readonly RuleMistake[] {
  const all = inOrder(rules, []);
  return rules.flatMap((rule, index) =>
    mistakesOf(rule, all).map(([field, message]) => ({ index, field, message })),
  );
}

function mistakesOf(rule: Rule, all: readonly PlacedRule[]): (readonly [keyof Rule, string])[] {
  const mistakes = [...ruleMistakes(rule)];
  const { rollUp } = rule;
  if (typeof rollUp === "string" && rolledUp(rollUp, all) === undefined) {
    mistakes.push(["rollUp", `names ${rollUp}, but no rule with that pattern has rollUp: true`]);
  }
  return mistakes;
}

/** Returns the rule that has this pattern and sets `rollUp` to true; undefined when there is none. */
export function rolledUp(pattern: string, all: readonly PlacedRule[]): PlacedRule | undefined {
  return all.find(({ rule }) => rule.rollUp === true && rule.pattern === pattern);
}

function inOrder(rules: readonly Rule[], contracted: readonly Rule[]): readonly PlacedRule[] {
  const placed = (origin: RuleOrigin, of: readonly Rule[]) =>
    of.flatMap((rule, index) => {
      const pattern = ChannelPattern.read(rule.pattern);
      return pattern === undefined ? [] : [{ rule, pattern, origin, index }];
    });
  const own = placed("deployment", rules);
  // A deployment's rule for operations stands in for the gateway's.
  const ofOperations = own.find(({ rule }) => rule.pattern === operationPattern);
  const rest = (all: readonly PlacedRule[]) =>
    ofOperations === undefined ? all : all.filter((one) => one !== ofOperations);
  const gateway = placed("gateway", gatewayRules);
  return [
    ...(ofOperations === undefined ? [] : [ofOperations]),
    ...gateway.filter(
      ({ rule }) => ofOperations === undefined || rule.pattern !== operationPattern,
    ),
    ...rest(own),
    ...placed("contract", contracted),
    ...placed("default", defaultRules),
  ];
}
