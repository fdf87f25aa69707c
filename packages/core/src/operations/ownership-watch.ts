import { MilepostError, type Publication } from "@milepost/protocol";
import type { Hub } from "../hub/hub.ts";
import type { HubSubscriber } from "../hub/hub-subscriber.ts";
import type { Subscriber } from "../hub/subscriber.ts";
import { announcementChannel } from "../rules/default-rules.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { Announcement } from "./operation-announcer.ts";

const decidedTogether = 32;
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;
const fullRetryMs = 5_000;

/** Subscription whose permission follows from an operation. */
export interface OwnershipWatcher {
  /**
   * Called when the operation may have begun, ended or got another owner. Resolves once the subscription has
   * been decided again; rejects if the operation cannot be looked up.
   */
  decide(): Promise<void>;
}

/** Parts of the node that an {@link OwnershipWatch} uses. */
export interface OwnershipWatchContext {
  readonly hub: Hub;
  readonly rules: RuleBook;
  readonly wheel: TimerWheel;
  readonly limits: Pick<CoreLimits, "maxPendingSubscriptions">;
  readonly onError: (error: unknown) => void;
}

/**
 * Subscriptions of this node that wait for an operation, by the operation's id. They are decided again when a
 * node announces the operation.
 *
 * All of them share one subscription to the channel of announcements, so an operation that never appears costs
 * its place here and nothing in the store. After announcements that this node has missed, everything is decided
 * again.
 */
export class OwnershipWatch extends Deadline implements Subscriber {
  readonly shared = undefined;
  readonly #context: OwnershipWatchContext;
  readonly #watchers = new Map<string, Set<OwnershipWatcher>>();
  /** Ids of operations whose watchers must be decided again. */
  readonly #doubtful = new Set<string>();
  /** Ids of operations that could not be looked up; they become doubtful again at the deadline. */
  readonly #failed = new Set<string>();
  #failures = 0;
  #size = 0;
  #isDeciding = false;
  #member: HubSubscriber | undefined;
  /** Resolves once this node hears of every later announcement. */
  #listening: Promise<void> | undefined;
  #listens: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(context: OwnershipWatchContext) {
    super();
    this.#context = context;
  }

  /** Number of subscriptions that wait. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a watcher. Resolves once every later change of the operation calls it. Rejects with `rate_limited`
   * while this node has as many watchers as it may have.
   */
  async watch(operationId: string, watcher: OwnershipWatcher): Promise<void> {
    const { maxPendingSubscriptions } = this.#context.limits;
    let watchers = this.#watchers.get(operationId);
    const isNew = watchers?.has(watcher) !== true;
    if (isNew && this.#size >= maxPendingSubscriptions) {
      throw new MilepostError(
        "rate_limited",
        "too many subscriptions of this node wait for their operations; retry later",
        { retryAfterMs: fullRetryMs },
      );
    }
    if (watchers === undefined) {
      watchers = new Set();
      this.#watchers.set(operationId, watchers);
    }
    watchers.add(watcher);
    if (isNew) this.#size++;
    try {
      await this.#listen();
    } catch (error) {
      this.unwatch(operationId, watcher);
      throw error;
    }
  }

  unwatch(operationId: string, watcher: OwnershipWatcher): void {
    const watchers = this.#watchers.get(operationId);
    if (watchers?.delete(watcher) !== true) return;
    this.#size--;
    if (watchers.size === 0) this.#watchers.delete(operationId);
    if (this.#size === 0) this.#stopListening();
  }

  close(): void {
    this.#watchers.clear();
    this.#size = 0;
    this.#stopListening();
  }

  onStart(): void {
    this.#listens?.resolve();
  }

  onFailed(error: unknown): void {
    this.#listening = undefined;
    this.#member = undefined;
    this.#listens?.reject(error);
  }

  onPublications(publications: readonly Publication[]): void {
    for (const { json } of publications) {
      const { operation_ids } = JSON.parse(json) as Announcement;
      for (const id of operation_ids) if (this.#watchers.has(id)) this.#doubtful.add(id);
    }
    this.#decide();
  }

  onGap(): void {
    this.#doubtAll();
  }

  onReset(): void {
    this.#doubtAll();
  }

  onEnd(): void {
    // The gateway never ends the channel of announcements.
  }

  drained(): undefined {
    return undefined;
  }

  override onDue(): void {
    for (const id of this.#failed) this.#doubtful.add(id);
    this.#failed.clear();
    this.#decide();
  }

  #listen(): Promise<void> {
    if (this.#listening !== undefined) return this.#listening;
    const { hub, rules } = this.#context;
    this.#listening = new Promise((resolve, reject) => {
      this.#listens = { resolve, reject };
    });
    this.#member = hub.join(rules.of(announcementChannel), this, "now");
    return this.#listening;
  }

  #stopListening(): void {
    this.#member?.leave();
    this.#member = undefined;
    this.#listening = undefined;
    this.#listens?.resolve();
    this.#doubtful.clear();
    this.#failed.clear();
    this.#context.wheel.clear(this);
  }

  #doubtAll(): void {
    for (const id of this.#watchers.keys()) this.#doubtful.add(id);
    this.#decide();
  }

  #decide(): void {
    if (this.#isDeciding || this.#doubtful.size === 0) return;
    this.#isDeciding = true;
    void this.#decideAll();
  }

  /** Decides a few operations at a time, so that many of them do not flood the store. */
  async #decideAll(): Promise<void> {
    while (this.#doubtful.size > 0) {
      const ids = [...this.#doubtful].slice(0, decidedTogether);
      for (const id of ids) this.#doubtful.delete(id);
      await Promise.all(ids.map((id) => this.#decideOne(id)));
    }
    this.#isDeciding = false;
    if (this.#failed.size === 0) this.#failures = 0;
    else if (this.dueAt === undefined) {
      const delayMs = Math.min(firstRetryMs * 2 ** this.#failures++, maxRetryMs);
      this.#context.wheel.set(this, delayMs);
    }
  }

  async #decideOne(id: string): Promise<void> {
    const watchers = [...(this.#watchers.get(id) ?? [])];
    const results = await Promise.allSettled(watchers.map((watcher) => watcher.decide()));
    const fault = results.find((result) => result.status === "rejected");
    if (fault === undefined || !this.#watchers.has(id)) return;
    this.#failed.add(id);
    this.#context.onError(fault.reason);
  }
}
