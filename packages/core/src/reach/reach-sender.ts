import type { BrowserSubscription } from "./reach-api.ts";

/** Result of one attempt to reach a target. */
export type SendOutcome =
  | { readonly kind: "sent" }
  /** The target does not exist any more, and says so. */
  | { readonly kind: "gone" }
  /** A later attempt may succeed, at the earliest after `afterMs` milliseconds. */
  | {
      readonly kind: "later";
      readonly reason: string;
      readonly afterMs?: number;
      /** True if nothing was sent, so that the outcome says nothing about this message. */
      readonly isUntried?: true;
    }
  /** No later attempt succeeds. */
  | { readonly kind: "refused"; readonly reason: string };

/** Message for a browser. */
export interface PushMessage {
  readonly text: string;
  /** Time for which a push service keeps the message for a browser that is offline, in milliseconds. */
  readonly ttlMs: number;
  readonly isUrgent: boolean;
}

/**
 * Sends to browsers and webhooks. Only https addresses are called, each resolved anew at every attempt; private ones
 * are refused unless the deployment allows them. No method rejects.
 */
export interface ReachSender {
  /** Public key with which browsers subscribe; undefined where web push is not set up. */
  readonly pushKey: string | undefined;
  /** True where calls of webhooks can be signed. */
  readonly callsWebhooks: boolean;
  /** Returns why an address can never be a target; undefined for one that may be. */
  refusalOf(url: string): string | undefined;
  /** Returns why the keys of a push subscription cannot be used; undefined for those that can. */
  refusalOfKeys(subscription: BrowserSubscription): string | undefined;
  /** Returns the secret that signs the calls of a webhook. */
  secretOf(webhookId: string): string;
  push(
    subscription: BrowserSubscription,
    message: PushMessage,
    signal: AbortSignal,
  ): Promise<SendOutcome>;
  /** Calls a webhook with a CloudEvent. */
  post(
    webhook: { readonly id: string; readonly url: string },
    event: string,
    signal: AbortSignal,
  ): Promise<SendOutcome>;
}
