import type { Clock, Engine, Random, TargetBounds, WaitingDelivery } from "@milepost/engine";
import { MilepostError, sha256Hex } from "@milepost/protocol";
import type { Principal, ServicePrincipal } from "../rules/principal.ts";
import { isInScope, requireService } from "../rules/service-scopes.ts";
import { readErrand } from "./errand.ts";
import type {
  AddedWebhook,
  AddPushSubscription,
  AddWebhook,
  DeliveryList,
  DeliveryView,
  PushSubscriptionView,
  Reaching,
  WebhookView,
} from "./reach-api.ts";
import { readPush, readWebhook } from "./reach-inputs.ts";
import type { ReachSender } from "./reach-sender.ts";
import {
  type PushRecord,
  pushOwner,
  recordOf,
  type WebhookRecord,
  webhookOwner,
} from "./target-records.ts";

const dayMs = 86_400_000;
/** Push subscriptions of a user. They are kept for 90 days after they were last added, which pages do at each visit. */
export const pushBounds: TargetBounds = { maxTargets: 10, keepMs: 90 * dayMs };
/** Webhooks of a deployment. They are kept for 400 days after they were added or last called. */
export const webhookBounds: TargetBounds = { maxTargets: 100, keepMs: 400 * dayMs };
const webhookIdLength = 16;
const pushIdLength = 24;
const listedDeliveries = 100;
const maxListedDeliveries = 500;
/** Number of deliveries that are read from the store at once. */
const deliveriesPage = 2_000;

/** Parts of the node that the {@link ReachService} uses. */
export interface ReachServiceContext {
  readonly engine: Pick<Engine, "targets" | "deliveries">;
  readonly clock: Clock;
  readonly random: Random;
  /** Sender of the deployment; undefined where it reaches nobody who is away. */
  readonly sender: ReachSender | undefined;
}

/** Targets at which users who are away are reached, kept in the store for all nodes. */
export class ReachService implements Reaching {
  readonly #context: ReachServiceContext;

  constructor(context: ReachServiceContext) {
    this.#context = context;
  }

  pushKey(_principal: Principal): string {
    return this.#pushSender().key;
  }

  async addPush(
    principal: Principal,
    user: string,
    input: AddPushSubscription,
  ): Promise<PushSubscriptionView> {
    requirePush(principal, user);
    const { sender } = this.#pushSender();
    const { subscription, rules } = readPush(input);
    const { endpoint } = subscription;
    const refusal = sender.refusalOf(endpoint) ?? sender.refusalOfKeys(subscription);
    if (refusal !== undefined) throw new MilepostError("bad_message", `subscription: ${refusal}`);
    // A browser that subscribes again has the same endpoint, and must not get each message twice.
    const id = sha256Hex(new TextEncoder().encode(endpoint)).slice(0, pushIdLength);
    const record: PushRecord = { subscription, rules, since: this.#now() };
    const target = { id, value: JSON.stringify(record) };
    if (!(await this.#context.engine.targets.put(pushOwner(user), target, pushBounds))) {
      throw new MilepostError(
        "rate_limited",
        `a user has at most ${pushBounds.maxTargets} push subscriptions; remove one that is no longer used`,
      );
    }
    return { id, endpoint, rules, since: record.since };
  }

  async listPush(principal: Principal, user: string): Promise<readonly PushSubscriptionView[]> {
    requirePush(principal, user);
    const targets = await this.#context.engine.targets.list(pushOwner(user));
    return targets.flatMap((target) => {
      const record = recordOf<PushRecord>(target);
      if (record === undefined) return [];
      const { subscription, rules, since } = record;
      return [{ id: target.id, endpoint: subscription.endpoint, rules, since }];
    });
  }

  async removePush(principal: Principal, user: string, id: string): Promise<void> {
    requirePush(principal, user);
    if (await this.#context.engine.targets.remove(pushOwner(user), id)) return;
    throw new MilepostError("not_found", "the user has no push subscription with this id");
  }

  async addWebhook(principal: Principal, input: AddWebhook): Promise<AddedWebhook> {
    const service = requireService(principal, "webhooks");
    const { sender } = this.#context;
    if (sender === undefined || !sender.callsWebhooks) {
      throw new MilepostError(
        "not_supported",
        "this gateway calls no webhooks; set MILEPOST_WEBHOOK_SECRET to the output of: openssl rand -base64 48",
      );
    }
    const { url, rules, users, when = "away" } = readWebhook(input);
    const refusal = sender.refusalOf(url);
    if (refusal !== undefined) throw new MilepostError("bad_message", `url: ${refusal}`);
    const id = this.#context.random.id(webhookIdLength);
    const record: WebhookRecord = {
      url,
      rules,
      when,
      since: this.#now(),
      by: service.name,
      ...(users === undefined ? {} : { users }),
    };
    const target = { id, value: JSON.stringify(record) };
    if (!(await this.#context.engine.targets.put(webhookOwner, target, webhookBounds))) {
      throw new MilepostError(
        "rate_limited",
        `a deployment has at most ${webhookBounds.maxTargets} webhooks; remove one that is no longer used`,
      );
    }
    return { ...viewOf(id, record), secret: sender.secretOf(id) };
  }

  async listWebhooks(principal: Principal): Promise<readonly WebhookView[]> {
    const service = requireService(principal, "webhooks");
    return (await this.#webhooksOf(service)).map(({ id, record }) => viewOf(id, record));
  }

  async removeWebhook(principal: Principal, id: string): Promise<void> {
    const service = requireService(principal, "webhooks");
    const own = await this.#webhooksOf(service);
    const isOwn = own.some((webhook) => webhook.id === id);
    if (isOwn && (await this.#context.engine.targets.remove(webhookOwner, id))) return;
    throw new MilepostError("not_found", "there is no webhook with this id that this key added");
  }

  async deliveries(principal: Principal, limit = listedDeliveries): Promise<DeliveryList> {
    const service = requireService(principal, "webhooks");
    if (!Number.isInteger(limit) || limit < 1 || limit > maxListedDeliveries) {
      throw new MilepostError(
        "bad_message",
        `limit must be an integer from 1 to ${maxListedDeliveries}`,
      );
    }
    const waiting = await this.#context.engine.deliveries.count();
    const deliveries: DeliveryView[] = [];
    for await (const message of this.#messagesFor(service)) {
      deliveries.push(message);
      if (deliveries.length === limit) break;
    }
    return { deliveries, waiting };
  }

  async retry(principal: Principal, id: string): Promise<void> {
    const service = requireService(principal, "webhooks");
    const mayRetry = isInScope(service, "inspect") || (await this.#sees(service, id));
    if (mayRetry && (await this.#context.engine.deliveries.hasten(id))) return;
    throw new MilepostError(
      "not_found",
      "no message waits under this id, or a node is sending it now; list them again",
    );
  }

  /** Returns true if a message waits that the service may see. */
  async #sees(service: ServicePrincipal, id: string): Promise<boolean> {
    for await (const message of this.#messagesFor(service)) if (message.id === id) return true;
    return false;
  }

  /**
   * Yields the messages that wait and that the service may see, the next due first: those to its own webhooks, and all if it
   * may inspect. It reads page by page: one whose time changes meanwhile may be missing, or come twice.
   */
  async *#messagesFor(service: ServicePrincipal): AsyncGenerator<DeliveryView> {
    const own = isInScope(service, "inspect") ? undefined : await this.#webhooksOf(service);
    if (own?.length === 0) return;
    const ownIds = own && new Set(own.map(({ id }) => id));
    const { deliveries } = this.#context.engine;
    for (let skip = 0; ; skip += deliveriesPage) {
      const found = await deliveries.list(deliveriesPage, skip);
      yield* this.#views(found, ownIds);
      if (found.length < deliveriesPage) return;
    }
  }

  #views(
    found: readonly WaitingDelivery[],
    ownIds: ReadonlySet<string> | undefined,
  ): readonly DeliveryView[] {
    const now = this.#now();
    return found.flatMap(({ id, content, attempts, dueInMs, isTaken }): DeliveryView[] => {
      const errand = readErrand(content);
      // The other errands are looks of the gateway at operations, and send nothing.
      if (errand?.do !== "send") return [];
      const { thing, to } = errand;
      const isWebhook = to.owner === webhookOwner;
      if (ownIds !== undefined && !(isWebhook && ownIds.has(to.id))) return [];
      return [
        {
          id,
          to: isWebhook ? "webhook" : "push",
          target: to.id,
          user: thing.user,
          about: thing.kind,
          title: thing.title,
          attempts,
          due_at: Math.round(now + dueInMs),
          sending: isTaken,
        },
      ];
    });
  }

  /** Returns the webhooks that the service may see: those of its name, and all if its key has no scopes or may inspect. */
  async #webhooksOf(service: ServicePrincipal) {
    const targets = await this.#context.engine.targets.list(webhookOwner);
    const { name } = service;
    const seesAll = isInScope(service, "inspect");
    return targets.flatMap((target) => {
      const record = recordOf<WebhookRecord>(target);
      const isVisible = record !== undefined && (seesAll || record.by === name);
      return isVisible ? [{ id: target.id, record }] : [];
    });
  }

  #pushSender(): { readonly sender: ReachSender; readonly key: string } {
    const { sender } = this.#context;
    if (sender?.pushKey !== undefined) return { sender, key: sender.pushKey };
    throw new MilepostError(
      "not_supported",
      "this gateway has no web push; set push in its configuration to a pair of VAPID keys and a contact",
    );
  }

  #now(): number {
    return Math.round(this.#context.clock.now());
  }
}

/** Throws `forbidden` for another user, and for a service whose scopes do not allow it. */
function requirePush(principal: Principal, user: string): void {
  if (principal.kind === "service") {
    requireService(principal, "push");
    return;
  }
  if (principal.user !== undefined && principal.user === user) return;
  throw new MilepostError("forbidden", "push subscriptions are those of the token's own user");
}

function viewOf(id: string, { url, rules, users, when, since }: WebhookRecord): WebhookView {
  return { id, url, rules, when, since, ...(users === undefined ? {} : { users }) };
}
