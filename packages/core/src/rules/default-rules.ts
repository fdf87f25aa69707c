import { chatSchemas, dashboardKeys, dashboardNames, dashboardSchemas } from "@milepost/model";
import type { MergeClass, Rule } from "./rule.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const short = { maxEntries: 1_000, maxAgeMs: hourMs };
const aDay = { maxEntries: 1_000, maxAgeMs: dayMs };

const reports = {
  waiting: "report",
  step: "report",
  progress: "report",
  agent: "report",
  text: "report",
  count: "report",
  beat: "report",
  children: "report",
  estimate: "report",
} as const satisfies Rule["merge"];

const summaries: Readonly<Record<string, MergeClass>> = {
  operation: { class: "state", by: "operation_id" },
};

/** Fields with the id of a message, by event of a chat. */
const chatIds = { chat_message: ["id", "messageId"], chat_message_chunk: "messageId" } as const;

/** Merge classes in the channel of a person: each report replaces the one before. */
const personal: Readonly<Record<string, MergeClass>> = {
  ...summaries,
  "queue:position": "state",
  "sync:progress": "state",
  "preview:status": "state",
  "generation:progress": "state",
};
/** The latest entry of each task and each agent replaces earlier ones. All calendar events are sent. */
const dashboardMerge = Object.fromEntries(
  Object.entries(dashboardNames).flatMap(([name, event]) =>
    event === "calendar_event" ? [] : [[name, { class: "state", by: dashboardKeys[event] }]],
  ),
) as NonNullable<Rule["merge"]>;

/** Time that an operation is kept after its last event, in milliseconds. */
export const operationAgeMs = dayMs;

/** Channel in which nodes announce operations that began or were deleted. */
export const announcementChannel = "gateway:operations";

/** Bytes of data that an operation's log keeps: 16 MiB. */
const operationBytes = 16 * 1_048_576;

/** Pattern of the channels of inboxes. The user's id is in its encoded form. */
export const inboxPattern = "inbox:{user}";

/** Bytes of data that the log of an inbox keeps: 4 MiB. */
const inboxBytes = 4 * 1_048_576;

/** Pattern of the channels of operations. */
export const operationPattern = "operation:{operation}";

/** The gateway's own rule for operations. */
export const gatewayOperationRule: Rule = {
  pattern: operationPattern,
  subscribe: "operation-owner",
  publish: "nobody",
  retention: { maxEntries: 20_000, maxAgeMs: operationAgeMs, maxBytes: operationBytes },
  projection: { name: "operation" },
  merge: reports,
};

/**
 * Returns a rule that changes who may read and command operations. A deployment adds it to its rules. The rest
 * of the gateway's rule for operations stays.
 */
export function operationRule(
  access: Pick<Rule, "history" | "command"> & Partial<Pick<Rule, "subscribe">>,
): Rule {
  return { ...gatewayOperationRule, ...access };
}

/**
 * Rules of the gateway's own channels. They come first. A deployment can replace only that of the operations,
 * see {@link operationRule}.
 */
export const gatewayRules: readonly Rule[] = [
  gatewayOperationRule,
  {
    pattern: announcementChannel,
    subscribe: "nobody",
    publish: "nobody",
    retention: { maxEntries: 1_000, maxAgeMs: 5 * minuteMs },
  },
  {
    pattern: inboxPattern,
    subscribe: "own-user",
    publish: "nobody",
    retention: { ...aDay, maxBytes: inboxBytes },
    projection: { name: "inbox" },
  },
  {
    pattern: "gateway:*",
    subscribe: "nobody",
    publish: "nobody",
    retention: { maxEntries: 100, maxAgeMs: 5 * minuteMs },
  },
];

/** Default rules, which apply where no rule of the deployment matches. */
export const defaultRules: readonly Rule[] = [
  {
    pattern: "user:{user}:operation:{operation}",
    subscribe: "own-user",
    publish: "granted",
    retention: { maxEntries: 20_000, maxAgeMs: dayMs, maxBytes: operationBytes },
    projection: { name: "operation" },
    merge: reports,
    rollUp: "user:{user}:*",
  },
  {
    pattern: "session:{session}",
    subscribe: "own-session",
    publish: "granted",
    retention: aDay,
    projection: { name: "personal" },
    merge: personal,
  },
  {
    pattern: "session:{session}:*",
    subscribe: "own-session",
    publish: "granted",
    retention: short,
  },
  {
    pattern: "user:{user}",
    subscribe: "own-user",
    publish: "granted",
    retention: aDay,
    projection: { name: "personal" },
    merge: personal,
  },
  {
    pattern: "user:{user}:tag:{tag}",
    subscribe: "own-user",
    publish: "granted",
    retention: aDay,
    projection: { name: "keyed", by: "operation_id" },
    merge: summaries,
  },
  {
    pattern: "user:{user}:*",
    subscribe: "own-user",
    publish: "granted",
    retention: { maxEntries: 5_000, maxAgeMs: dayMs },
    merge: summaries,
    rollUp: true,
  },
  {
    pattern: "guest:{guest}",
    subscribe: "own-guest",
    publish: "granted",
    retention: aDay,
    projection: { name: "personal" },
    merge: personal,
  },
  { pattern: "guest:{guest}:*", subscribe: "own-guest", publish: "granted", retention: short },
  {
    pattern: "broadcast",
    subscribe: "authenticated",
    publish: "granted",
    retention: short,
    outage: "local-then-spool",
  },
  {
    pattern: "connection:{connection}",
    subscribe: "own-connection",
    publish: "granted",
    retention: { maxEntries: 1_000, maxAgeMs: 5 * minuteMs },
  },
  {
    pattern: "chat:{chat}",
    subscribe: "granted",
    publish: "granted",
    retention: aDay,
    presence: "members",
    projection: { name: "chat" },
    schema: chatSchemas,
    bindIds: chatIds,
    roles: { user: "anyone" },
    merge: { chat_message_chunk: "text", agent_status_update: "state" },
  },
  {
    pattern: "dashboard:{dashboard}",
    subscribe: "granted",
    publish: "granted",
    retention: aDay,
    projection: { name: "dashboard" },
    schema: dashboardSchemas,
    merge: dashboardMerge,
  },
  {
    pattern: "collection:{collection}",
    subscribe: "granted",
    publish: "granted",
    retention: short,
    projection: { name: "keyed", by: "operation_id" },
    merge: summaries,
    rollUp: "collection:{collection}:*",
  },
  {
    pattern: "collection:{collection}:*",
    subscribe: "granted",
    publish: "granted",
    retention: short,
    merge: summaries,
    rollUp: true,
  },
  {
    pattern: "system:*",
    subscribe: "authenticated",
    publish: "granted",
    retention: { maxEntries: 1_000, maxAgeMs: 5 * minuteMs },
    outage: "local-then-spool",
    rollUp: true,
  },
  { pattern: "*", subscribe: "granted", publish: "granted", retention: short },
];
