import {
  type AccessName,
  accessParts,
  type ClaimCondition,
  maxAccessParts,
} from "../rules/access.ts";
import { ChannelPattern } from "../rules/channel-pattern.ts";
import { captureIn } from "../rules/rule-access.ts";
import { capacityFault } from "./capacity.ts";
import { type QueueLanes, type QueueRule, queueBounds } from "./queue-rule.ts";

type Mistake = readonly [keyof QueueRule, string];

const laneName = /^[\w.-]{1,64}$/;

/** Numbers of a rule, each with its smallest and largest value. */
const ranges = {
  graceMs: [queueBounds.minGraceMs, queueBounds.maxGraceMs],
  maxWaiting: [1, queueBounds.maxWaiting],
  leaseMs: [queueBounds.minLeaseMs, queueBounds.maxLeaseMs],
  maxAttempts: [1, queueBounds.maxAttempts],
} as const;

/** Name of the capture that a queue's pattern needs, by the group that joins. */
const captures = {
  "own-user": "user",
  "own-session": "session",
  "own-guest": "guest",
} as const;

/** Yields each mistake in a rule for queues, as a field and an explanation with the fix. A valid rule yields nothing. */
export function* queueMistakes(rule: QueueRule): Generator<Mistake, void, void> {
  const pattern = ChannelPattern.read(rule.queue);
  if (pattern === undefined) {
    yield [
      "queue",
      "must be a name of segments joined by :, with {name} for any one or a last * for one or more",
    ];
  }
  yield* joinMistakes(rule, pattern);
  const { lanes, lane, laneClaim, capacity, operation } = rule;
  if (lanes !== undefined) {
    const fault = lanesFault(lanes);
    if (fault !== undefined) yield ["lanes", fault];
  }
  if (lane !== undefined && !Object.hasOwn(lanes ?? {}, lane)) {
    yield [
      "lane",
      `is ${JSON.stringify(lane)}, which is not in lanes; add it there, or name one of them`,
    ];
  }
  if (laneClaim !== undefined && lanes === undefined) {
    yield [
      "laneClaim",
      'needs lanes, because the claim chooses one of them; add lanes, such as {"paid": 3, "free": 1}',
    ];
  }
  if (laneClaim === "") yield ["laneClaim", "must be the name of a claim"];
  if (capacity !== undefined) {
    const fault = capacityFault(capacity);
    if (fault !== undefined) yield ["capacity", fault];
  }
  for (const [name, [min, max]] of Object.entries(ranges)) {
    const field = name as keyof typeof ranges;
    const value = rule[field];
    if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) continue;
    yield [field, `must be a whole number from ${min} to ${max}`];
  }
  if (operation !== undefined && (typeof operation.kind !== "string" || operation.kind === "")) {
    yield ["operation", "must have a kind, such as preview"];
  }
}

/** Explains what is wrong with the lanes of a queue; undefined if they are valid. */
export function lanesFault(lanes: QueueLanes): string | undefined {
  const names = Object.keys(lanes);
  if (names.length === 0 || names.length > queueBounds.lanes) {
    return `must name 1 to ${queueBounds.lanes} lanes with their weights, such as {"paid": 3, "free": 1}`;
  }
  for (const name of names) {
    if (!isLaneName(name))
      return `names ${JSON.stringify(name)}; a lane has 1 to ${queueBounds.laneName} of the characters A-Z a-z 0-9 _ . -`;
    const weight = lanes[name];
    if (!(Number(weight) >= queueBounds.minWeight && Number(weight) <= queueBounds.maxWeight)) {
      return `must give ${name} a weight from ${queueBounds.minWeight} to ${queueBounds.maxWeight}`;
    }
  }
  return undefined;
}

/** True if a text can be the name of a lane. */
export function isLaneName(text: string): boolean {
  return laneName.test(text) && text !== "__proto__";
}

function* joinMistakes(
  { join }: QueueRule,
  pattern: ChannelPattern | undefined,
): Generator<Mistake, void, void> {
  const parts = [...accessParts(join)];
  if (parts.length === 0 || parts.length > maxAccessParts) {
    yield ["join", `must name 1 to ${maxAccessParts} groups or conditions; use nobody for none`];
  }
  for (const part of parts) {
    const fault =
      typeof part === "string" ? groupFault(part, pattern) : conditionFault(part, pattern);
    if (fault !== undefined) yield ["join", fault];
  }
}

function groupFault(group: AccessName, pattern: ChannelPattern | undefined): string | undefined {
  if (group === "granted" || group === "own-connection" || group === "operation-owner") {
    return `cannot be ${group}, which is for channels; use authenticated, anyone, guests, nobody or a condition on a claim`;
  }
  const needed = Object.hasOwn(captures, group)
    ? captures[group as keyof typeof captures]
    : undefined;
  if (needed === undefined || pattern === undefined || hasCapture(pattern, needed))
    return undefined;
  return `is ${group}, so queue must have {${needed}}`;
}

function conditionFault(
  { claim, equals, in: values }: ClaimCondition,
  pattern: ChannelPattern | undefined,
): string | undefined {
  if (claim === "") return "must name the claim of its condition";
  if ((equals === undefined) === (values === undefined)) return "must have equals or in, not both";
  const name = equals === undefined ? undefined : captureIn(equals);
  if (name === undefined || pattern === undefined || hasCapture(pattern, name)) return undefined;
  return `compares with {${name}}, so queue must have {${name}}`;
}

function hasCapture({ segments }: ChannelPattern, name: string): boolean {
  return segments.some((segment) => "name" in segment && segment.name === name);
}
