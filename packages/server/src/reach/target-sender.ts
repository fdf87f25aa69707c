import { createHmac } from "node:crypto";
import type { BrowserSubscription, PushMessage, ReachSender, SendOutcome } from "@milepost/core";
import type { Clock, Random } from "@milepost/engine";
import { signatureHeader } from "@milepost/protocol";
import { CircuitBreaker } from "../backends/circuit-breaker.ts";
import { signatureOf } from "../backends/signature.ts";
import { Egress, type EgressOptions, RefusedTarget } from "./egress.ts";
import { type GuardedAnswer, guardedPost, NoAnswerInTime } from "./guarded-post.ts";

/** VAPID keys with which browsers know who sends them messages. */
export interface PushOptions {
  /** Public key, 65 bytes in base64url; browsers subscribe with it. */
  readonly publicKey: string;
  /** Private key, 32 bytes in base64url. */
  readonly privateKey: string;
  /** Contact for push services: a `mailto:` or `https:` address. */
  readonly subject: string;
}

/** Ways to reach users who are away. */
export interface ReachOptions {
  readonly push?: PushOptions;
  /** Secret from which the secret of each webhook follows; at least 32 bytes. Without it, no webhooks are called. */
  readonly webhookSecret?: string;
  readonly egress?: EgressOptions;
}

/** Parts that a {@link TargetSender} uses. */
export interface TargetSenderParts {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly random: Pick<Random, "fraction">;
  readonly egress?: Egress;
}

/** Name that stands in a signature of a webhook where a request to a backend has its method. */
export const webhookMethod = "webhook";

const timeoutMs = 10_000;
/** Origins of targets whose state is remembered. */
const maxOrigins = 1_000;
/** Attempts at one origin at a time. */
const maxAtOnce = 8;
const busyMs = 1_000;

interface Origin {
  readonly breaker: CircuitBreaker;
  running: number;
}

/** Sends pushes and calls webhooks over the internet, with a circuit breaker for each origin. */
export class TargetSender implements ReachSender {
  readonly callsWebhooks: boolean;
  readonly pushKey: string | undefined;
  readonly #push: PushOptions | undefined;
  readonly #webhookSecret: string;
  readonly #egress: Egress;
  readonly #parts: TargetSenderParts;
  readonly #origins = new Map<string, Origin>();

  constructor({ push, webhookSecret = "", egress }: ReachOptions, parts: TargetSenderParts) {
    this.#push = push;
    this.pushKey = push?.publicKey;
    this.#webhookSecret = webhookSecret;
    this.callsWebhooks = webhookSecret !== "";
    this.#egress = parts.egress ?? new Egress(egress);
    this.#parts = parts;
  }

  refusalOf(url: string): string | undefined {
    return this.#egress.refusalOf(url);
  }

  refusalOfKeys({ keys }: BrowserSubscription): string | undefined {
    const p256dh = bytesOf(keys.p256dh);
    if (p256dh?.length !== 65 || p256dh[0] !== 4) {
      return "keys.p256dh must be a public key of P-256: 65 bytes in base64url";
    }
    return bytesOf(keys.auth)?.length === 16
      ? undefined
      : "keys.auth must be 16 bytes in base64url";
  }

  secretOf(webhookId: string): string {
    return createHmac("sha256", this.#webhookSecret)
      .update(`webhook:${webhookId}`)
      .digest("base64url");
  }

  async push(
    subscription: BrowserSubscription,
    { text, ttlMs, isUrgent }: PushMessage,
    signal: AbortSignal,
  ): Promise<SendOutcome> {
    const keys = this.#push;
    if (keys === undefined) return { kind: "refused", reason: "web push is not set up" };
    return this.#attempt(subscription.endpoint, async () => {
      // Loaded with the first push, since most deployments send none.
      const { default: webPush } = await import("web-push");
      const { endpoint, headers, body } = webPush.generateRequestDetails(
        { endpoint: subscription.endpoint, keys: { ...subscription.keys } },
        text,
        {
          vapidDetails: {
            subject: keys.subject,
            publicKey: keys.publicKey,
            privateKey: keys.privateKey,
          },
          TTL: Math.ceil(ttlMs / 1_000),
          urgency: isUrgent ? "high" : "normal",
          contentEncoding: "aes128gcm",
        },
      );
      const answer = await guardedPost(this.#egress, {
        url: endpoint,
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, String(value)]),
        ),
        body,
        timeoutMs,
        signal,
      });
      return answer.status === 404 ? { ...answer, status: 410 } : answer;
    });
  }

  async post(
    webhook: { readonly id: string; readonly url: string },
    event: string,
    signal: AbortSignal,
  ): Promise<SendOutcome> {
    return this.#attempt(webhook.url, () => {
      const timestamp = Math.floor(this.#parts.clock.now() / 1_000);
      const signed = { timestamp, method: webhookMethod, body: event };
      return guardedPost(this.#egress, {
        url: webhook.url,
        headers: {
          "Content-Type": "application/cloudevents+json; charset=utf-8",
          [signatureHeader]: signatureOf(this.secretOf(webhook.id), signed),
        },
        body: event,
        timeoutMs,
        signal,
      });
    });
  }

  async #attempt(url: string, send: () => Promise<GuardedAnswer>): Promise<SendOutcome> {
    const origin = this.#originOf(new URL(url).origin);
    if (origin.running >= maxAtOnce) {
      return {
        kind: "later",
        reason: "too many attempts at this target",
        afterMs: busyMs,
        isUntried: true,
      };
    }
    const permit = origin.breaker.take();
    if (permit === undefined) {
      const afterMs = Math.max(origin.breaker.retryAfterMs, busyMs);
      return { kind: "later", reason: "the target is failing", afterMs, isUntried: true };
    }
    origin.running++;
    try {
      const answer = await send();
      const outcome = outcomeOf(answer);
      if (answer.status >= 500) origin.breaker.failed(permit);
      else origin.breaker.succeeded(permit);
      return outcome;
    } catch (error) {
      if (error instanceof RefusedTarget) {
        origin.breaker.released(permit);
        return { kind: "refused", reason: error.message };
      }
      origin.breaker.failed(permit);
      return { kind: "later", reason: reasonOf(error) };
    } finally {
      origin.running--;
    }
  }

  #originOf(name: string): Origin {
    let origin = this.#origins.get(name);
    if (origin === undefined) {
      const { clock, random } = this.#parts;
      origin = { breaker: new CircuitBreaker({}, clock, random), running: 0 };
    } else this.#origins.delete(name);
    this.#origins.set(name, origin);
    for (const [oldest, { running }] of this.#origins) {
      if (this.#origins.size <= maxOrigins) break;
      if (running === 0) this.#origins.delete(oldest);
    }
    return origin;
  }
}

function outcomeOf({ status, retryAfterMs: afterMs }: GuardedAnswer): SendOutcome {
  if (status >= 200 && status < 300) return { kind: "sent" };
  if (status === 410) return { kind: "gone" };
  if (status >= 300 && status < 400) {
    return { kind: "refused", reason: `answered ${status}; redirects are not followed` };
  }
  const isTemporary = status >= 500 || status === 408 || status === 425 || status === 429;
  const reason = `answered ${status}`;
  if (!isTemporary) return { kind: "refused", reason };
  return { kind: "later", reason, ...(afterMs === undefined ? {} : { afterMs }) };
}

/** Returns what went wrong, without addresses and whatever else a target could put into a message. */
function reasonOf(error: unknown): string {
  if (error instanceof NoAnswerInTime) return "no answer in time";
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (name === "AbortError") return "the node shut down";
  return typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code) ? code : "the network failed";
}

function bytesOf(base64url: string): Buffer | undefined {
  return /^[A-Za-z0-9_-]+={0,2}$/.test(base64url) ? Buffer.from(base64url, "base64url") : undefined;
}
