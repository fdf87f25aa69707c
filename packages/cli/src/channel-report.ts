import {
  type ChannelExplanation,
  explainChannel,
  type Rule,
  unreachableRules,
} from "@milepost/server";
import { consequences, placeWords } from "./rule-words.ts";

/** What a rule means for a channel, as `milepost doctor <channel>` shows it. */
export interface ChannelReport extends ChannelExplanation {
  readonly says: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Looks a channel up in a deployment's rules. Throws `invalid_channel` for what is no name. */
export function reportChannel(rules: readonly Rule[], channel: string): ChannelReport {
  const explanation = explainChannel(rules, channel);
  const says = Object.fromEntries(consequences(explanation));
  return { ...explanation, says, warnings: ruleWarnings(rules) };
}

/** Rules that are there in vain, each in a line. */
export function ruleWarnings(rules: readonly Rule[]): readonly string[] {
  return unreachableRules(rules).map(
    ({ by, ...rule }) => `${placeWords(rule)} never holds: ${placeWords(by)} matches all its names`,
  );
}

/** The report in lines for a terminal. */
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
