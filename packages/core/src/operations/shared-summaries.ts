import {
  type ChannelLog,
  type OperationIndex,
  projectionEntry,
  type Random,
  SerialQueues,
} from "@milepost/engine";
import {
  type OperationState,
  reduceOperation,
  sharedSummary,
  summarise,
  summaryChanged,
} from "@milepost/model";
import { formatPosition, MilepostError, type Position, readPosition } from "@milepost/protocol";
import type { RuleBook } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { channelsOf, summaryEvent } from "./belonging.ts";
import type { OperationAfter, OperationAt, OperationLog } from "./operation-log.ts";

const publisher = "gateway:operations";
const firstRetryMs = 500;
const maxRetryMs = 30_000;
/** Maximum number of operations whose missing summaries this node retries. Another node adopts the rest. */
const maxWaiting = 10_000;
/** Time after which another node may look after an operation with missing summaries, in milliseconds. */
const overdueMs = 30_000;
/** Position before the first event of every operation. */
const nothing = "";

/** Parts of the node that {@link SharedSummaries} uses. */
export interface SharedSummariesContext {
  readonly log: Pick<ChannelLog, "append">;
  readonly operations: OperationLog;
  readonly index: Pick<OperationIndex, "get">;
  readonly rules: RuleBook;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** Called when a summary could not be published and is retried. */
  readonly onRetry: () => void;
}

/**
 * Publishes the summaries of operations to the channels that they belong to: each change once, in order.
 *
 * The operation's own log is the source. Each summary has the position of its event as dedupe key, and the index
 * records up to which position the channels have them. Whoever finds the record behind the log publishes what is
 * missing from the log: this node after a failure, another node that the producer reports to, or the one that adopts
 * the operations of a dead node. So no crash loses a summary, and for 10 minutes none appears twice.
 */
export class SharedSummaries {
  readonly #context: SharedSummariesContext;
  readonly #trails = new Map<string, Trail>();
  readonly #waiting = new Set<Trail>();
  readonly #queues = new SerialQueues();

  constructor(context: SharedSummariesContext) {
    this.#context = context;
  }

  /** Number of operations with summaries that could not be published yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Publishes what an event has changed. `before` is undefined for the first event. Never rejects. */
  async follow(before: OperationAt | undefined, after: OperationAfter): Promise<void> {
    if (channelsOf(after.state).length === 0) return;
    await this.#run(after.state.id, async (trail) => {
      if (before === undefined && !after.duplicate) trail.told = nothing;
      const from = before === undefined ? nothing : formatPosition(before.position);
      await this.#recall(trail, from);
      if (trail.told === from && isNext(before, after)) {
        await this.#publishChange(trail, before?.state, after.state, after.at);
      } else await this.#catchUp(trail);
    });
  }

  /**
   * Publishes what an earlier event has changed, if its summary is missing: the node that stored the event may have
   * died. Never rejects.
   */
  async settle({ state, position }: OperationAt): Promise<void> {
    if (channelsOf(state).length === 0) return;
    await this.#run(state.id, async (trail) => {
      const at = formatPosition(position);
      await this.#recall(trail, at);
      if (trail.told !== at) await this.#catchUp(trail);
    });
  }

  /** Returns the position up to which the summaries are published; undefined where this node does not know it. */
  toldOf(operationId: string): string | undefined {
    return this.#trails.get(operationId)?.told;
  }

  /** Returns the time until an operation must be looked after, given the time until its own next deadline. */
  dueIn(operationId: string, ownMs: number | undefined): number | undefined {
    const trail = this.#trails.get(operationId);
    if (trail === undefined || !this.#waiting.has(trail)) return ownMs;
    return Math.min(ownMs ?? overdueMs, overdueMs);
  }

  /** Forgets an operation that has ended, is gone or is no longer watched. */
  forget(operationId: string): void {
    const trail = this.#trails.get(operationId);
    if (trail === undefined) return;
    this.#context.wheel.clear(trail);
    this.#waiting.delete(trail);
    this.#trails.delete(operationId);
  }

  /** Tries once more to publish what is missing. What is still missing then is left to another node. */
  async close(): Promise<void> {
    await this.#queues.idle();
    for (const trail of this.#waiting) {
      this.#context.wheel.clear(trail);
      trail.onDue();
    }
    await this.#queues.idle();
    for (const operationId of [...this.#trails.keys()]) this.forget(operationId);
  }

  #run(operationId: string, task: (trail: Trail) => Promise<void>): Promise<void> {
    return this.#queues.run(operationId, async () => {
      const trail = this.#trailOf(operationId);
      // The retry publishes all that is missing.
      if (trail.dueAt !== undefined) return;
      await this.#attempt(trail, task);
    });
  }

  async #attempt(trail: Trail, task: (trail: Trail) => Promise<void>): Promise<void> {
    const { wheel, random, onError, onRetry } = this.#context;
    try {
      await task(trail);
      trail.failures = 0;
      this.#waiting.delete(trail);
    } catch (error) {
      onError(error);
      onRetry();
      const delayMs = Math.min(firstRetryMs * 2 ** trail.failures++, maxRetryMs);
      wheel.set(trail, delayMs * (1 + 0.2 * random.fraction()));
      this.#waiting.add(trail);
      const [oldest] = this.#waiting;
      if (this.#waiting.size <= maxWaiting || oldest === undefined) return;
      wheel.clear(oldest);
      this.#waiting.delete(oldest);
      // The position that the next event recalls is that of the index.
      oldest.told = undefined;
    }
  }

  #trailOf(operationId: string): Trail {
    const known = this.#trails.get(operationId);
    if (known !== undefined) return known;
    const trail = new Trail(operationId, () => {
      void this.#queues.run(operationId, () =>
        this.#attempt(trail, async () => {
          await this.#recall(trail, undefined);
          await this.#catchUp(trail);
        }),
      );
    });
    this.#trails.set(operationId, trail);
    return trail;
  }

  /** Looks up how far another node has come, unless this node knows that the channels have all up to `expected`. */
  async #recall(trail: Trail, expected: string | undefined): Promise<void> {
    if (trail.told !== undefined && trail.told === expected) return;
    const indexed = await this.#context.index.get(trail.operationId);
    trail.told = later(trail.told, indexed?.told);
  }

  /** Publishes all missing summaries from the operation's log, or the newest alone where the log cannot say which. */
  async #catchUp(trail: Trail): Promise<void> {
    const { operations } = this.#context;
    const told = readPosition(trail.told);
    let isMissing = told === undefined;
    let state: OperationState | undefined;
    let at: Position | undefined;
    for await (const publication of operations.replay(trail.operationId)) {
      const before = state;
      state = reduceOperation(before, projectionEntry(publication));
      at = publication.position;
      if (told !== undefined && told.epoch !== at.epoch) isMissing = true;
      if (state === undefined) continue;
      if (isMissing) await this.#publishChange(trail, before, state, at);
      else if (at.offset === told?.offset) isMissing = at.tag === told.tag;
    }
    if (state !== undefined && at !== undefined) {
      if (trail.told !== formatPosition(at)) await this.#publish(trail, state, at);
      return;
    }
    const newest = await operations.read(trail.operationId);
    if (newest === undefined || trail.told === formatPosition(newest.position)) return;
    await this.#publish(trail, newest.state, newest.position);
  }

  async #publishChange(
    trail: Trail,
    before: OperationState | undefined,
    after: OperationState,
    at: Position,
  ): Promise<void> {
    if (summaryChanged(before, after)) await this.#publish(trail, after, at);
    else trail.told = formatPosition(at);
  }

  /** Rejects where a retry may help. Whatever else a channel refuses, such as one that has ended, is left out. */
  async #publish(trail: Trail, state: OperationState, at: Position): Promise<void> {
    const { log, rules, onError } = this.#context;
    const position = formatPosition(at);
    const key = `${state.id}@${position}`;
    const summary = summarise(state);
    for (const channel of channelsOf(state)) {
      const { name, rule, policy } = rules.of(channel);
      const json = JSON.stringify(sharedSummary(summary, rule.summaryFields));
      try {
        await log.append(name, { event: summaryEvent, json, key, publisher }, policy);
      } catch (error) {
        if (!(error instanceof MilepostError) || error.retryable) throw error;
        if (error.code !== "ended") onError(error);
      }
    }
    trail.told = position;
  }
}

/** State of one operation: the position up to which its summaries are published, and the next retry. */
class Trail extends Deadline {
  readonly operationId: string;
  readonly #onDue: () => void;
  /** Position up to which the channels have the summaries; undefined as long as this node does not know it. */
  told: string | undefined;
  failures = 0;

  constructor(operationId: string, onDue: () => void) {
    super();
    this.operationId = operationId;
    this.#onDue = onDue;
  }

  override onDue(): void {
    this.#onDue();
  }
}

/** True if nothing lies between the two, and `after` is the state right after its event. */
function isNext(
  before: OperationAt | undefined,
  { at, position, duplicate }: OperationAfter,
): boolean {
  const offset = before?.position.offset ?? 0;
  const epoch = before?.position.epoch ?? at.epoch;
  return !duplicate && at.offset === offset + 1 && at.epoch === epoch && position.tag === at.tag;
}

/** Returns the later one of two positions; the other one where one is unknown. */
function later(known: string | undefined, indexed: string | undefined): string {
  const [a, b] = [readPosition(known), readPosition(indexed)];
  const isKnownLater =
    a !== undefined && (b === undefined || (b.epoch === a.epoch && b.offset <= a.offset));
  return (isKnownLater ? known : indexed) ?? nothing;
}
