import type {
  Clock,
  DeadLetterStore,
  Engine,
  FurtherAttempt,
  TakenDelivery,
} from "@milepost/engine";
import type { OperationState } from "@milepost/model";
import { encodeId } from "@milepost/protocol";
import { deadLetterBounds } from "../dead-letters/dead-letter-bounds.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import { cloudEventOf, pushMessageOf } from "./cloud-event.ts";
import { type Errand, readErrand, writeErrand } from "./errand.ts";
import { deliveryBounds, endId } from "./reach.ts";
import type { ReachRules, ReachWhen } from "./reach-api.ts";
import type { ReachSender, SendOutcome } from "./reach-sender.ts";
import { webhookBounds } from "./reach-service.ts";
import {
  concerns,
  type PushRecord,
  pushOwner,
  recordOf,
  type TargetName,
  type WebhookRecord,
  wants,
  webhookOwner,
} from "./target-records.ts";
import { endOf, reachPublisher, slowness, type Thing } from "./thing.ts";

/** Longest time between two looks at an operation that runs, in milliseconds. */
const lookMs = 300_000;
/** Time until a question is looked at again while its user is there, in milliseconds. */
const questionMs = 30_000;
const firstRetryMs = 5_000;
const maxRetryMs = 3_600_000;
/** Age at which a thing is given up, in milliseconds. */
const maxAgeMs = 24 * 3_600_000;
/** A webhook that is called is kept further, at most one write a day. */
const renewAfterMs = 86_400_000;

/** Parts of the node that an {@link ErrandRunner} uses. */
export interface ErrandContext {
  readonly engine: Pick<Engine, "deliveries" | "targets">;
  readonly deadLetters: Pick<DeadLetterStore, "put">;
  readonly clock: Clock;
  readonly random: { fraction(): number };
  readonly sender: ReachSender;
  readonly instruments: Pick<CoreInstruments, "reached" | "reachSkipped">;
  /** Reads an operation; resolves with undefined if it is gone. */
  readonly readOperation: (operationId: string) => Promise<OperationState | undefined>;
  /** Resolves with true if a page of the user is visible on any node. */
  readonly isVisible: (user: string) => Promise<boolean>;
  /** Resolves with true while an item of the user's inbox waits: not read, snoozed or, if it is a question, answered. */
  readonly isWaiting: (user: string, itemId: string) => Promise<boolean>;
}

/** Target that is told of a thing. */
interface Chosen {
  readonly to: TargetName;
  readonly rules: ReachRules;
  readonly when: ReachWhen;
}

/** Runs the errands that are due: checks operations, decides which targets get a message, and sends it to one target. */
export class ErrandRunner {
  readonly #context: ErrandContext;

  constructor(context: ErrandContext) {
    this.#context = context;
  }

  /** Does one errand. Resolves with the further attempt that it needs; rejects when the store does not answer. */
  async run(delivery: TakenDelivery, signal: AbortSignal): Promise<FurtherAttempt | undefined> {
    const errand = readErrand(delivery.content);
    if (errand === undefined) return undefined;
    switch (errand.do) {
      case "watch":
        return asLook(delivery, await this.#watch(errand));
      case "end":
        return asLook(delivery, await this.#end(errand));
      case "decide":
        return asLook(delivery, await this.#decide(errand.thing));
      case "send":
        return this.#send(errand, delivery, signal);
    }
  }

  /** Returns the time until an errand is tried again that could not be done, in milliseconds. */
  retryMs(attempt: number): number {
    const delayMs = Math.min(firstRetryMs * 2 ** Math.min(attempt - 1, 20), maxRetryMs);
    return delayMs * (1 + 0.2 * this.#context.random.fraction());
  }

  async #watch({ operation, attempt }: Errand & { do: "watch" }) {
    const state = await this.#context.readOperation(operation);
    if (state === undefined || state.attempt > attempt) return undefined;
    const thing = endOf(state);
    if (thing !== undefined) {
      // Where the end was noticed, its user has been told or was there to see it.
      const errand = writeErrand({ do: "end", operation, attempt });
      await this.#context.engine.deliveries.add(endId(state), errand, 0, deliveryBounds);
      return undefined;
    }
    const slow = slowness(state);
    if (state.status === "cancelled" || slow === undefined) return undefined;
    const { started_at = state.created_at } = state;
    const ranMs = state.status === "waiting" ? 0 : this.#context.clock.now() - started_at;
    let nextMs = lookMs;
    const late: Chosen[] = [];
    for (const target of await this.#targetsOf(slow)) {
      const leftMs = (target.rules.slower_than_ms ?? Number.POSITIVE_INFINITY) - ranMs;
      if (leftMs <= 0) late.push(target);
      else nextMs = Math.min(nextMs, Math.max(leftMs, 1_000));
    }
    if (late.length > 0) await this.#tell(slow, late);
    return { dueInMs: nextMs };
  }

  async #end({ operation, attempt }: Errand & { do: "end" }) {
    const state = await this.#context.readOperation(operation);
    const thing = state === undefined || state.attempt > attempt ? undefined : endOf(state);
    return thing === undefined ? undefined : this.#decide(thing);
  }

  /** Decides which targets are told of a thing, and has each told by an errand of its own. */
  async #decide(thing: Thing): Promise<FurtherAttempt | undefined> {
    if (!(await this.#isWaiting(thing))) return undefined;
    const isLeft = await this.#tell(thing, await this.#targetsOf(thing));
    // A user with a visible page may leave without answering.
    if (!isLeft || thing.kind !== "question" || this.#isTooOld(thing)) return undefined;
    return { dueInMs: questionMs };
  }

  /** Has targets told. Resolves with true if some are left out because the user is there. */
  async #tell(thing: Thing, targets: readonly Chosen[]): Promise<boolean> {
    if (targets.length === 0) return false;
    const { engine, isVisible } = this.#context;
    const isHere = await isVisible(thing.user);
    const told = targets.filter(({ when }) => when === "always" || !isHere);
    for (const { to, when } of told) {
      const errand = writeErrand({ do: "send", thing, to, when });
      await engine.deliveries.add(`send:${to.id}:${thing.id}`, errand, 0, deliveryBounds);
    }
    const isLeft = told.length < targets.length;
    if (isLeft && thing.kind !== "question") this.#context.instruments.reachSkipped.add(1);
    return isLeft;
  }

  async #send(
    { thing, to, when }: Errand & { do: "send" },
    delivery: TakenDelivery,
    signal: AbortSignal,
  ): Promise<FurtherAttempt | undefined> {
    const { id, attempt } = delivery;
    const { isVisible, instruments } = this.#context;
    if (when === "away" && (await isVisible(thing.user))) {
      instruments.reachSkipped.add(1);
      // The user reads it on the page, except for a question, which the user may leave again.
      return thing.kind === "question" && !this.#isTooOld(thing) && (await this.#isWaiting(thing))
        ? asLook(delivery, { dueInMs: questionMs })
        : undefined;
    }
    if (!(await this.#isWaiting(thing))) return undefined;
    const outcome = await this.#attempt(thing, to, signal);
    if (outcome === undefined) return undefined;
    const way = to.owner === webhookOwner ? "webhook" : "push";
    instruments.reached[way][outcome.kind].add(1);
    if (outcome.kind === "gone") await this.#context.engine.targets.remove(to.owner, to.id);
    if (outcome.kind === "sent" || outcome.kind === "gone") return undefined;
    if (outcome.kind === "later" && outcome.isUntried === true && !this.#isTooOld(thing)) {
      return asLook(delivery, { dueInMs: outcome.afterMs ?? firstRetryMs });
    }
    if (outcome.kind === "later" && !this.#isTooOld(thing)) {
      return { dueInMs: Math.max(outcome.afterMs ?? 0, this.retryMs(attempt)) };
    }
    await this.#giveUp(id, thing, to, attempt, outcome.reason);
    return undefined;
  }

  /** Attempts to tell a target; resolves with undefined if there is none any more. */
  async #attempt(
    thing: Thing,
    to: TargetName,
    signal: AbortSignal,
  ): Promise<SendOutcome | undefined> {
    const { engine, sender, clock } = this.#context;
    const target = (await engine.targets.list(to.owner)).find(({ id }) => id === to.id);
    if (target === undefined) return undefined;
    if (to.owner !== webhookOwner) {
      const push = recordOf<PushRecord>(target);
      if (push === undefined) return undefined;
      const message = {
        text: pushMessageOf(thing),
        ttlMs: maxAgeMs,
        isUrgent: thing.kind === "question" || thing.kind === "failed",
      };
      return sender.push(push.subscription, message, signal);
    }
    const webhook = recordOf<WebhookRecord>(target);
    if (webhook === undefined) return undefined;
    const outcome = await sender.post({ id: to.id, url: webhook.url }, cloudEventOf(thing), signal);
    if (outcome.kind === "sent" && clock.now() - webhook.since > renewAfterMs) {
      const value = JSON.stringify({ ...webhook, since: Math.round(clock.now()) });
      // A webhook that was removed meanwhile stays removed.
      const bounds = { ...webhookBounds, isRenewal: true };
      await engine.targets.put(webhookOwner, { id: to.id, value }, bounds);
    }
    return outcome;
  }

  async #targetsOf(thing: Thing): Promise<readonly Chosen[]> {
    const { targets } = this.#context.engine;
    const owner = pushOwner(thing.user);
    const [pushes, webhooks] = await Promise.all([targets.list(owner), targets.list(webhookOwner)]);
    const chosen: Chosen[] = [];
    for (const target of pushes) {
      const { rules } = recordOf<PushRecord>(target) ?? {};
      if (rules === undefined || !wants(rules, thing)) continue;
      chosen.push({ to: { owner, id: target.id }, rules, when: "away" });
    }
    for (const target of webhooks) {
      const webhook = recordOf<WebhookRecord>(target);
      if (webhook === undefined || !wants(webhook.rules, thing)) continue;
      if (!concerns(webhook, thing.user)) continue;
      const { rules, when } = webhook;
      chosen.push({ to: { owner: webhookOwner, id: target.id }, rules, when });
    }
    return chosen;
  }

  async #isWaiting({ user, item }: Thing): Promise<boolean> {
    return item === undefined || this.#context.isWaiting(user, item);
  }

  #isTooOld({ at }: Thing): boolean {
    return this.#context.clock.now() - at > maxAgeMs;
  }

  async #giveUp(
    id: string,
    thing: Thing,
    to: TargetName,
    attempts: number,
    reason: string,
  ): Promise<void> {
    const { deadLetters, clock } = this.#context;
    await deadLetters.put(
      {
        source: `reach:${id}`,
        at: Math.round(clock.now()),
        channel: `user:${encodeId(thing.user)}`,
        reason: `not_reached: ${reason}`,
        publisher: reachPublisher,
        attempts,
        entry: { event: "reach", json: JSON.stringify({ thing, to }), key: id },
      },
      deadLetterBounds,
    );
  }
}

/** Returns a further attempt after a look, which was no failure: attempts count from 1 again. */
function asLook(
  { content }: TakenDelivery,
  further: FurtherAttempt | undefined,
): FurtherAttempt | undefined {
  return further === undefined ? undefined : { ...further, content };
}
