import { type ContractChannels, MilepostError } from "@milepost/protocol";
import { ChannelPattern } from "../channel-pattern.ts";
import { defaultRules } from "../default-rules.ts";
import type { Rule } from "../rule.ts";

/** What a channel of a contract may say besides its events. */
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
 * The rules that a contract makes: one for each of its channels that says more than its events.
 *
 * What such a channel leaves open is as the defaults have it for its name. They stand behind the deployment's own
 * rules, which have the last word. Throws `bad_message` that names a setting that is none.
 */
export function contractRules(channels: ContractChannels | undefined): readonly Rule[] {
  return Object.entries(channels ?? {}).flatMap(([pattern, { events: _, ...said }]) => {
    const names = Object.keys(said);
    const unknown = names.find((name) => !Object.hasOwn(settings, name));
    if (unknown !== undefined) {
      throw new MilepostError(
        "bad_message",
        `the contract's channel ${JSON.stringify(pattern)}: ${unknown} is nothing a rule says; it may say ${Object.keys(settings).join(", ")}`,
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
  // Where everything below a prefix is one log, what a contract says of some of it must not leave a hole there.
  const isWhole = pattern.endsWith(":*") && sample.length === rule.pattern.split(":").length;
  return { ...rest, rollUp: isWhole ? true : rule.pattern };
}
