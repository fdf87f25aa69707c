import { type ContractChannels, MilepostError } from "@milepost/protocol";
import { ChannelPattern } from "../channel-pattern.ts";
import { defaultRules } from "../default-rules.ts";
import type { Rule } from "../rule.ts";

/** Settings that a channel of a contract may have besides its events. */
const settings = {
  subscribe: true,
  publish: true,
  retention: true,
  projection: true,
  priority: true,
  rollUp: true,
  rate: true,
  batchMs: true,
  merge: true,
  presence: true,
  durable: true,
  outage: true,
} as const satisfies Record<Exclude<keyof Rule, "pattern" | "schema">, true>;

/**
 * Returns the rules of a contract: one for each of its channels that sets more than its events.
 *
 * Settings that such a channel leaves out come from the default rule for its name. The deployment's own rules
 * come before them and take precedence. Throws `bad_message` that names an unknown setting.
 */
export function contractRules(channels: ContractChannels | undefined): readonly Rule[] {
  return Object.entries(channels ?? {}).flatMap(([pattern, { events: _, ...said }]) => {
    const names = Object.keys(said);
    const unknown = names.find((name) => !Object.hasOwn(settings, name));
    if (unknown !== undefined) {
      throw new MilepostError(
        "bad_message",
        `the contract's channel ${JSON.stringify(pattern)}: ${unknown} is not a setting of a rule; the settings are ${Object.keys(settings).join(", ")}`,
      );
    }
    return names.length === 0 ? [] : [{ ...defaultFor(pattern), ...said, pattern }];
  });
}

function defaultFor(pattern: string): Rule {
  const sample = pattern.split(":").map((segment) => segment.replace(/^(\{.*\}|\*)$/, "x"));
  const rule = defaultRules.find((one) => ChannelPattern.read(one.pattern)?.match(sample));
  if (rule === undefined) throw new MilepostError("internal", "no default rule matches a pattern");
  const { rollUp, ...rest } = rule;
  if (rollUp === undefined) return rest;
  // Where everything below a prefix is rolled up into one log, a contract's rule for some of it must not leave
  // a gap there.
  const isWhole = pattern.endsWith(":*") && sample.length === rule.pattern.split(":").length;
  return { ...rest, rollUp: isWhole ? true : rule.pattern };
}
