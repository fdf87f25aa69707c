import type { Principal } from "../rules/principal.ts";

/** Things of which a target is told; `done`, `failed` and `question` if it says nothing. */
export interface ReachRules {
  readonly done?: boolean;
  /** Operations that failed or were lost. */
  readonly failed?: boolean;
  readonly question?: boolean;
  readonly notification?: boolean;
  /** Time that an operation runs before the target is told that it is slow, in milliseconds; at least 60,000. */
  readonly slower_than_ms?: number;
}

/** Push subscription as a browser gives it. */
export interface BrowserSubscription {
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

/** Request to tell a user through a browser while the user is away. */
export interface AddPushSubscription {
  readonly subscription: BrowserSubscription;
  readonly rules?: ReachRules;
}

/** Push subscription as its user sees it; its keys are never shown. */
export interface PushSubscriptionView {
  readonly id: string;
  readonly endpoint: string;
  readonly rules: ReachRules;
  /** Time at which the subscription was added or last renewed, in milliseconds since 1970. */
  readonly since: number;
}

/** Condition for calling a webhook: only while no page of the user is visible, or always. */
export type ReachWhen = "away" | "always";

/** Request to call an address for things that users who are away must know. */
export interface AddWebhook {
  /** Address that is called; `https:` without credentials. */
  readonly url: string;
  readonly rules?: ReachRules;
  /** Users whose things are told; those of all users if absent. At most 100. */
  readonly users?: readonly string[];
  /** Default `away`. */
  readonly when?: ReachWhen;
}

/** Webhook as services see it. */
export interface WebhookView {
  readonly id: string;
  readonly url: string;
  readonly rules: ReachRules;
  readonly users?: readonly string[];
  readonly when: ReachWhen;
  readonly since: number;
}

/** Webhook that was just added, with the secret that signs its calls. The secret is shown only here. */
export interface AddedWebhook extends WebhookView {
  readonly secret: string;
}

/** Message that waits to be sent to a target. */
export interface DeliveryView {
  readonly id: string;
  readonly to: "webhook" | "push";
  /** Id of the webhook or push subscription. */
  readonly target: string;
  readonly user: string;
  /** Kind of the thing that is told. */
  readonly about: string;
  readonly title: string;
  /** Number of attempts so far, all of which failed. */
  readonly attempts: number;
  /** Time at which it is sent or sent again, in milliseconds since 1970. */
  readonly due_at: number;
  /** True while a node sends it. */
  readonly sending: boolean;
}

/** Messages that wait to be sent. */
export interface DeliveryList {
  readonly deliveries: readonly DeliveryView[];
  /** Number of all errands that wait, looks at running operations included. */
  readonly waiting: number;
}

/** Ways to reach users who are away. Every method checks what its principal may do. */
export interface Reaching {
  /** Returns the key with which browsers subscribe; throws `not_supported` where web push is not set up. */
  pushKey(principal: Principal): string;
  addPush(
    principal: Principal,
    user: string,
    input: AddPushSubscription,
  ): Promise<PushSubscriptionView>;
  listPush(principal: Principal, user: string): Promise<readonly PushSubscriptionView[]>;
  removePush(principal: Principal, user: string, id: string): Promise<void>;
  addWebhook(principal: Principal, input: AddWebhook): Promise<AddedWebhook>;
  listWebhooks(principal: Principal): Promise<readonly WebhookView[]>;
  removeWebhook(principal: Principal, id: string): Promise<void>;
  /**
   * Lists up to 500 (default 100) messages that wait to be sent, for the scope `webhooks`; the next due first. A key sees those
   * to the webhooks that it added; one without scopes, or with `inspect` besides, sees all.
   */
  deliveries(principal: Principal, limit?: number): Promise<DeliveryList>;
  /**
   * Makes a waiting message due at once. Rejects with `not_found` if none that the key may see waits under this id, or it is
   * being sent.
   */
  retry(principal: Principal, id: string): Promise<void>;
}
