import {
  type ChannelExplanation,
  explainChannel,
  type Rule,
  unreachableRules,
} from "@milepost/server";
import { consequences, placeWords } from "./rule-words.ts";

/**
 * Report on a channel: the rule that applies and its consequences, as `milepost doctor <channel>` shows them.
 */
export interface ChannelReport extends ChannelExplanation {
  readonly says: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * Reports on the rule of a channel among a deployment's rules. Throws `invalid_channel` if the name is invalid.
 */
export function reportChannel(rules: readonly Rule[], channel: string): ChannelReport {
  const explanation = explainChannel(rules, channel);
  const says = Object.fromEntries(consequences(explanation));
  return { ...explanation, says, warnings: ruleWarnings(rules) };
}

/** Returns a line for each rule that never applies. */
export function ruleWarnings(rules: readonly Rule[]): readonly string[] {
  return unreachableRules(rules).map(
    ({ by, ...rule }) =>
      `${placeWords(rule)} never applies: ${placeWords(by)} comes first and matches all its names`,
  );
}

/** Returns the report on a channel as lines for a terminal. */
export function reportLines({ channel, place, tried, says, warnings }: ChannelReport): string[] {
  const width = Math.max(...Object.keys(says).map((name) => name.length)) + 2;
  return [
    channel,
    `  rule ${placeWords(place)}`,
    ...Object.entries(says).map(([name, text]) => `  ${name.padEnd(width)}${text}`),
    ...(tried.length === 0 ? [] : ["Rules before it that do not match:"]),
    ...tried.map(({ why, ...rule }) => `  ${placeWords(rule)}: ${why}`),
    ...warnings.map((warning) => `! ${warning}`),
  ];
}
