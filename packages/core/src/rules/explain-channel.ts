import { rollUpName } from "@milepost/engine";
import { isWildcard, MilepostError, parseReadableName } from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import type { Captures } from "./channel-pattern.ts";
import { type PlacedRule, placedRules, type RuleOrigin } from "./placed-rules.ts";
import type { Rule } from "./rule.ts";
import { RuleBook } from "./rule-book.ts";

/** Which rule it is. */
export interface RulePlace {
  readonly pattern: string;
  readonly origin: RuleOrigin;
  /** Its place among those of its origin, from 0. */
  readonly index: number;
}

/** Which rule holds for a name, and how that came. */
export interface ChannelExplanation {
  readonly channel: string;
  readonly rule: Rule;
  readonly place: RulePlace;
  readonly captures: Captures;
  /** The rules before it, and why each does not match. */
  readonly tried: readonly (RulePlace & { readonly why: string })[];
  /** The name under which what is published here can be read as part of a whole. */
  readonly rollUp?: string;
  /** Why the name, that of everything below a prefix, cannot be read. */
  readonly unreadable?: string;
}

/** A rule that holds for no name, since an earlier one matches all of its names. */
export interface UnreachableRule extends RulePlace {
  readonly by: RulePlace;
}

/**
 * Says which rule holds for a name under a deployment's rules, and why. Throws `invalid_channel` for what is no name, and
 * `bad_message` where the rules cannot be.
 */
export function explainChannel(rules: readonly Rule[], channel: string): ChannelExplanation {
  const name = orThrow(parseReadableName(channel));
  const book = new RuleBook(rules);
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

/** The deployment's rules that can never hold; they may be there by mistake, or in the wrong place. */
export function unreachableRules(rules: readonly Rule[]): readonly UnreachableRule[] {
  const all = placedRules(rules);
  return all.flatMap((placed, i) => {
    if (placed.origin !== "deployment") return [];
    const by = all.slice(0, i).find((earlier) => earlier.pattern.covers(placed.pattern));
    return by === undefined ? [] : [{ ...placeOf(placed), by: placeOf(by) }];
  });
}

function placeOf({ rule: { pattern }, origin, index }: PlacedRule): RulePlace {
  return { pattern, origin, index };
}
