import type { ChannelExplanation, Rule, RulePlace } from "@milepost/server";
import { who } from "./access-words.ts";

/** One consequence of a rule: what it concerns (`publish`, `kept`, …), and the meaning in words. */
export type Consequence = readonly [name: string, says: string];

/** Returns, in words, all consequences of the rule that applies to a channel. */
export function consequences(explanation: ChannelExplanation): readonly Consequence[] {
  const { channel, rule, captures, rollUp, unreadable } = explanation;
  const isWhole = channel.endsWith(":*");
  const captured = Object.entries(captures).map(([name, value]) => `${name} = ${value}`);
  const all: (readonly [string, string | undefined])[] = [
    ["captured", captured.join(", ") || undefined],
    [
      "subscribe",
      unreadable === undefined ? who(rule.subscribe, captures) : `nobody: ${unreadable}`,
    ],
    [
      "publish",
      isWhole ? "nobody: a name that ends in :* is only for reading" : who(rule.publish, captures),
    ],
    ["history", rule.history && who(rule.history, captures)],
    ["command", rule.command && who(rule.command, captures)],
    ["end", rule.end && who(rule.end, captures)],
    ["kept", unreadable === undefined ? kept(rule.retention) : undefined],
    ["state", isWhole ? "none: a subscription begins at the head" : projected(rule.projection)],
    ["presence", present(rule.presence, captures)],
    ["merge", merged(rule.merge)],
    ["priority", rule.priority ?? "normal"],
    ["rate", isWhole ? undefined : limited(rule.rate)],
    ["outage", isWhole ? undefined : rule.outage],
    ["schema", isWhole ? undefined : checked(rule.schema)],
    ["read as", rolled(rollUp, isWhole && unreadable === undefined)],
  ];
  return all.flatMap(([name, says]) => (says === undefined ? [] : [[name, says] as const]));
}

/** Returns a rule's pattern and where the rule was defined, in words. */
export function placeWords({ pattern, origin, index }: RulePlace): string {
  switch (origin) {
    case "gateway":
      return `${pattern} (the gateway's own)`;
    case "deployment":
      return `${pattern} (rules.${index} of the configuration)`;
    case "contract":
      return `${pattern} (of the contract)`;
    case "default":
      return `${pattern} (default)`;
  }
}

function kept({ maxEntries, maxAgeMs, maxBytes }: Rule["retention"]): string {
  const size = maxBytes === undefined ? "" : ` of at most ${maxBytes.toLocaleString("en")} bytes`;
  return `the newest ${maxEntries.toLocaleString("en")} entries${size}, each for ${duration(maxAgeMs)}`;
}

const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

function duration(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  const count = ms / size;
  return unit === "ms" ? `${count} ms` : `${count} ${unit}${count === 1 ? "" : "s"}`;
}

function projected(projection: Rule["projection"]): string {
  switch (projection?.name) {
    case undefined:
      return "none: a subscription begins at the head";
    case "latest":
      return "the latest data";
    case "text":
      return "the text so far";
    case "chat":
      return "the chat, folded from its events";
    case "dashboard":
      return "the latest of each task, agent and calendar event";
    case "personal":
      return "the operations of a person, and the latest of what was published for that person";
    case "inbox":
      return "the newest items of the inbox, and its numbers";
    case "operation":
      return "the operation, folded from its events";
    case "keyed":
      return `the latest data by ${projection.by}`;
  }
}

function present(
  presence: Rule["presence"],
  captures: ChannelExplanation["captures"],
): string | undefined {
  if (presence === undefined) return undefined;
  const { show, access } =
    typeof presence === "object" ? presence : { show: presence, access: undefined };
  const what = show === "members" ? "who is present, by name" : "how many are present";
  return access === undefined ? what : `${what}; for ${who(access, captures)}`;
}

function merged(merge: Rule["merge"]): string {
  const classes = Object.entries(merge ?? {}).map(([event, of]) => {
    const name = typeof of === "string" ? of : `${of.class} by ${of.by}`;
    return `${event === "*" ? "all others" : event}: ${name}`;
  });
  return classes.length === 0
    ? "nothing: a slow subscriber receives every entry"
    : `for slow subscribers: ${classes.join(", ")}`;
}

function limited(rate: Rule["rate"]): string {
  if (rate === undefined) return "no limit";
  const { perSecond, burst = Math.max(1, Math.floor(perSecond)) } = rate;
  return `${perSecond} publishes a second on each node, ${burst} at once`;
}

function checked(schema: Rule["schema"]): string {
  const events = Object.keys(schema ?? {}).filter((event) => event !== "*");
  const others = schema !== undefined && Object.hasOwn(schema, "*");
  if (events.length === 0) return others ? "every event is checked" : "any data";
  return `${events.join(", ")}${others ? " and all other events" : ""} ${events.length > 1 || others ? "are" : "is"} checked${others ? "" : "; others may have any data"}`;
}

function rolled(rollUp: string | undefined, isWhole: boolean): string {
  if (isWhole) return "everything below the prefix, in one order";
  return rollUp === undefined ? "itself only" : `itself, and as part of ${rollUp}`;
}
