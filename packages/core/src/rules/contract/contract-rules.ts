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
  encrypted: true,
  compact: true,
  idleTimeoutMs: true,
  batchMs: true,
  merge: true,
  presence: true,
  history: true,
  bind: true,
  bindIds: true,
  showPublisher: true,
  roles: true,
  summaryFields: true,
  command: true,
  end: true,
  durable: true,
  outage: true,
} as const satisfies Record<Exclude<keyof Rule, "pattern" | "schema">, true>;

/**
 * Returns the rules of a contract: one for each channel pattern that has settings besides its events.
 *
 * Settings that the contract leaves out come from the default rule for the channel's name. The deployment's own
 * rules take precedence over these rules. Throws `bad_message` with the name of an unknown setting.
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
  // The default rule rolls up all channels below its prefix into one log. The contract's rule must keep its
  // channels in that roll-up, which would otherwise miss their entries.
  const isWhole = pattern.endsWith(":*") && sample.length === rule.pattern.split(":").length;
  return { ...rest, rollUp: isWhole ? true : rule.pattern };
}
