import { rollUpName } from "@milepost/engine";
import { isWildcard, MilepostError, parseReadableName } from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import type { Captures } from "./channel-pattern.ts";
import { type PlacedRule, placedRules, type RuleOrigin } from "./placed-rules.ts";
import type { Rule } from "./rule.ts";
import { RuleBook } from "./rule-book.ts";

/** Identification of a rule among all rules of a node. */
export interface RulePlace {
  readonly pattern: string;
  readonly origin: RuleOrigin;
  /** Index among the rules of the same origin, from 0. */
  readonly index: number;
}

/** Explanation of which rule applies to a channel name, and why. */
export interface ChannelExplanation {
  readonly channel: string;
  readonly rule: Rule;
  readonly place: RulePlace;
  readonly captures: Captures;
  /** Earlier rules, in order, each with the reason (`why`) why it does not match. */
  readonly tried: readonly (RulePlace & { readonly why: string })[];
  /** Name of the roll-up in which this channel's entries can be read as well; absent when there is none. */
  readonly rollUp?: string;
  /** Reason why no channel with this name can be read; present only for some names that end in `:*`. */
  readonly unreadable?: string;
}

/** Rule that never applies, since an earlier rule (`by`) matches all of its names. */
export interface UnreachableRule extends RulePlace {
  readonly by: RulePlace;
}

/**
 * Explains which rule applies to a name under a deployment's rules, and why. Throws `invalid_channel` for an
 * invalid name, and `bad_message` for invalid rules.
 */
export function explainChannel(rules: readonly Rule[], channel: string): ChannelExplanation {
  return explainIn(new RuleBook(rules), channel);
}

/** Explains which rule of a book applies to a name, and why. Throws `invalid_channel` for an invalid name. */
export function explainIn(book: RuleBook, channel: string): ChannelExplanation {
  const name = orThrow(parseReadableName(channel));
  const all = book.rules;
  const index = book.indexOf(name);
  const holds = all[index];
  const segments = name.split(":");
  const captures = holds?.pattern.match(segments);
  if (holds === undefined || captures === undefined) {
    throw new MilepostError("internal", "no rule matches a channel");
  }
  const tried = all.slice(0, index).map((placed) => ({
    ...placeOf(placed),
    why: placed.pattern.mismatch(segments) ?? "it matches",
  }));
  const explanation = { channel: name, rule: holds.rule, place: placeOf(holds), captures, tried };
  try {
    const { rollUp } = book.of(name).policy;
    if (rollUp === undefined || isWildcard(name)) return explanation;
    return { ...explanation, rollUp: rollUpName(name, rollUp.segments) };
  } catch (error) {
    if (error instanceof MilepostError && error.code === "invalid_channel") {
      return { ...explanation, unreadable: error.message };
    }
    throw error;
  }
}

/**
 * Returns the deployment's rules that can never apply. Each is either a mistake, or must be moved before the
 * rule that hides it.
 */
export function unreachableRules(rules: readonly Rule[]): readonly UnreachableRule[] {
  return unreachableIn(placedRules(rules));
}

/** Returns those of all rules of a node that are the deployment's and can never apply. */
export function unreachableIn(all: readonly PlacedRule[]): readonly UnreachableRule[] {
  return all.flatMap((placed, i) => {
    if (placed.origin !== "deployment") return [];
    const by = all.slice(0, i).find((earlier) => earlier.pattern.covers(placed.pattern));
    return by === undefined ? [] : [{ ...placeOf(placed), by: placeOf(by) }];
  });
}

/** Returns the place of a rule among all rules. */
export function placeOf({ rule: { pattern }, origin, index }: PlacedRule): RulePlace {
  return { pattern, origin, index };
}
