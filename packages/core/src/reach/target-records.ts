import type { Target } from "@milepost/engine";
import { encodeId, isRecord, parseJson } from "@milepost/protocol";
import type { BrowserSubscription, ReachRules, ReachWhen } from "./reach-api.ts";
import type { Thing } from "./thing.ts";

/** Name of a target in the store. */
export interface TargetName {
  readonly owner: string;
  readonly id: string;
}

/** Owner under which the store keeps all webhooks. */
export const webhookOwner = "webhooks";

/** Returns the owner under which the store keeps the push subscriptions of a user. */
export function pushOwner(user: string): string {
  return `push:${encodeId(user)}`;
}

/** Push subscription as the store keeps it. */
export interface PushRecord {
  readonly subscription: BrowserSubscription;
  readonly rules: ReachRules;
  readonly since: number;
}

/** Webhook as the store keeps it. Its secret follows from its id and is not stored. */
export interface WebhookRecord {
  readonly url: string;
  readonly rules: ReachRules;
  readonly users?: readonly string[];
  readonly when: ReachWhen;
  readonly since: number;
  /** Name of the API key that added it. */
  readonly by: string;
}

/** Reads a record; returns undefined for one that another version of the gateway wrote and this one cannot read. */
export function recordOf<T extends PushRecord | WebhookRecord>({ value }: Target): T | undefined {
  const json = parseJson(value);
  return json.ok && isRecord(json.value) && isRecord(json.value.rules)
    ? (json.value as unknown as T)
    : undefined;
}

/** True if a target with these rules is told of the thing. Slowness is decided by its time, not here. */
export function wants(
  { done = true, failed = true, question = true, notification = false, ...rest }: ReachRules,
  { kind }: Pick<Thing, "kind">,
): boolean {
  switch (kind) {
    case "done":
      return done;
    case "failed":
      return failed;
    case "question":
      return question;
    case "notification":
      return notification;
    case "slow":
      return rest.slower_than_ms !== undefined;
  }
}

/** True if a webhook is called for things of the user. */
export function concerns({ users }: WebhookRecord, user: string): boolean {
  return users === undefined || users.includes(user);
}
