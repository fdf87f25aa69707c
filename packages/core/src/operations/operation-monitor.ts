import type { Clock, DeadLetterStore, Lease, OperationIndex, SerialQueues } from "@milepost/engine";
import { isFinal, type OperationEvent, type OperationState } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { deadLetterBounds } from "../dead-letters/dead-letter-bounds.ts";
import type { ServicePrincipal } from "../rules/principal.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLog } from "../runtime/options.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { budgetStep } from "./budget-step.ts";
import { isQueued } from "./is-queued.ts";
import { type CommandTimeouts, OperationDeadlines } from "./operation-deadlines.ts";
import type { OperationEstimates } from "./operation-estimates.ts";
import { defaultLeaseMs } from "./operation-inputs.ts";
import type { OperationLeases } from "./operation-leases.ts";
import { type OperationAt, type OperationLog, operationChannel } from "./operation-log.ts";
import type { OperationNotifier } from "./operation-notifier.ts";
import type { SharedSummaries } from "./shared-summaries.ts";

const publisher = "gateway:operations";
const adoptAfterMs = 2_000;
const adoptAtOnce = 1_000;
const adoptTogether = 32;
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;
const retryEndMs = 1_000;
/** Time after which some node looks again at an operation whose budget demands a step, in milliseconds. */
const budgetMs = 2_000;
/** Interval at which some node looks whether the ticket of an operation that waits in a queue has ended, in milliseconds. */
const lookAtTicketMs = 300_000;
/** Number of consecutive failures after which a dead letter records them. Retries continue. */
const failuresToTell = 5;

/** Parts of the node that an {@link OperationMonitor} uses. */
export interface MonitorContext {
  readonly log: OperationLog;
  readonly leases: OperationLeases;
  readonly notifier: OperationNotifier;
  readonly estimates: Pick<OperationEstimates, "slower">;
  readonly shared: SharedSummaries;
  readonly queues: SerialQueues;
  /** Called when an operation's index entry is up to date. */
  readonly onIndexed: (state: OperationState) => void;
  readonly index: OperationIndex;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly timeouts: CommandTimeouts;
  readonly deadLetters: DeadLetterStore;
  readonly errorLog: ErrorLog;
  /** Log of the node. */
  readonly logLines: Pick<CoreLog, "warn"> | undefined;
  readonly ended: (operationId: string, reason: string) => Promise<void>;
  /** Ends an operation that waits in a queue although its ticket has ended. */
  readonly settleQueued: (state: OperationState) => Promise<void>;
  readonly instruments: Pick<CoreInstruments, "operationsStalled" | "operationsLost">;
}

/** Watches the deadlines of operations that this node has handled, and publishes their overdue events. */
export class OperationMonitor {
  readonly #context: MonitorContext;
  readonly #deadlines = new Map<string, OperationDeadlines>();

  constructor(context: MonitorContext) {
    this.#context = context;
  }

  /**
   * Updates an operation's index entry and its deadlines to the state. `before` is the state before the events
   * that this node has just appended; absent when it appended none. A `lease` means that the producer has just
   * renewed that lease here.
   */
  async refresh(
    state: OperationState,
    {
      before = state,
      service,
      lease,
    }: { before?: OperationState; service?: ServicePrincipal; lease?: Lease } = {},
  ): Promise<void> {
    const { leases } = this.#context;
    const known = this.#deadlines.get(state.id);
    const deadlines = known ?? (await this.#begin(state.id, service));
    if (lease !== undefined) deadlines.renewed(leases.renewalOf(lease));
    else if (known !== undefined) await this.#lookUpRenewal(deadlines);
    deadlines.found(before);
    await this.#watch(deadlines, state);
  }

  /**
   * Watches an operation before it is created. If the store creates it but the answer is lost, no other part of
   * the gateway knows of the operation.
   */
  async expect(operationId: string, service: ServicePrincipal, lease: Lease): Promise<void> {
    const { wheel, leases } = this.#context;
    const deadlines = this.#deadlines.get(operationId) ?? (await this.#begin(operationId, service));
    deadlines.renewed(leases.renewalOf(lease));
    wheel.set(deadlines, lease.ttlMs);
  }

  /**
   * Looks after operations that have been overdue for more than 2 s. A live node would have acted by then, so the node
   * that knew the deadline has died. This node may know the operation too, yet by an older state or an older lease, so
   * it reads both again. Operations that wait in a queue become due too, and may end with their ticket.
   */
  async adopt(): Promise<void> {
    const ids = await this.#context.index.due(adoptAfterMs, adoptAtOnce);
    for (let i = 0; i < ids.length; i += adoptTogether) {
      await Promise.all(ids.slice(i, i + adoptTogether).map((id) => this.#adopt(id)));
    }
  }

  /** Stops watching an operation. */
  end(operationId: string): void {
    this.#context.shared.forget(operationId);
    const deadlines = this.#deadlines.get(operationId);
    if (deadlines === undefined) return;
    this.#deadlines.delete(operationId);
    this.#context.wheel.clear(deadlines);
  }

  close(): void {
    for (const id of [...this.#deadlines.keys()]) this.end(id);
  }

  /** Never rejects: an operation that cannot be read must not keep the others waiting. */
  async #adopt(id: string): Promise<void> {
    const { index, queues, log, shared, notifier, settleQueued, errorLog } = this.#context;
    // Publishing its overdue events has failed here and is retried with a growing delay.
    if ((this.#deadlines.get(id)?.failures ?? 0) > 0) return;
    try {
      const adopted = await queues.run(id, async () => {
        const operation = await log.read(id);
        if (operation !== undefined) {
          await shared.settle(operation);
          await notifier.adopted(operation.state);
          await this.refresh(operation.state);
        } else {
          this.end(id);
          await index.remove(id);
        }
        return operation?.state;
      });
      if (adopted !== undefined && isQueued(adopted)) await settleQueued(adopted);
    } catch (error) {
      errorLog.report(error);
    }
  }

  /** Writes the next deadline to the index and to the timer wheel. */
  async #watch(deadlines: OperationDeadlines, state: OperationState): Promise<void> {
    const { notifier, shared, wheel } = this.#context;
    let dueInMs = shared.dueIn(state.id, deadlines.observe(state));
    const step = budgetStep(state);
    // Work that a budget above has paused is looked at when its producer renews the lease.
    if (step !== undefined && step.kind !== "look")
      dueInMs = Math.min(dueInMs ?? budgetMs, budgetMs);
    if (!(await this.#endedWith(state))) dueInMs = Math.min(dueInMs ?? retryEndMs, retryEndMs);
    // The index also serves other nodes: if this node dies, another node finds the overdue operation there.
    // A ticket may end without its operation if a node dies or the store fails in between.
    await notifier.index(
      state,
      deadlines,
      dueInMs ?? (isQueued(state) ? lookAtTicketMs : undefined),
    );
    this.#context.onIndexed(state);
    if (dueInMs === undefined) this.end(state.id);
    else wheel.set(deadlines, dueInMs);
  }

  /** Ends what ends with the operation, if that has ended. Returns false if it must be tried again. */
  async #endedWith({ id, status, questions }: OperationState): Promise<boolean> {
    if (!isFinal(status) || questions === undefined) return true;
    try {
      await this.#context.ended(id, status);
      return true;
    } catch (error) {
      this.#context.errorLog.report(error);
      return false;
    }
  }

  /** Reads when the lease was last renewed, since the producer may report to another node. */
  async #lookUpRenewal(deadlines: OperationDeadlines): Promise<void> {
    const renewal = await this.#context.leases.lastRenewal(deadlines.operationId);
    if (renewal !== undefined) deadlines.renewedElsewhere(renewal);
  }

  async #begin(id: string, service: ServicePrincipal | undefined): Promise<OperationDeadlines> {
    const { index, leases, clock, timeouts } = this.#context;
    const indexed = await index.get(id);
    // When the producer reports to another node, its last known activity is the renewal of the lease there.
    const renewal = await leases.lastRenewal(id);
    const overdue = { at: clock.monotonic() - defaultLeaseMs, expiresAt: undefined };
    const deadlines = new OperationDeadlines(
      id,
      indexed?.service ?? service?.name ?? "",
      renewal ?? { ...overdue, leaseMs: defaultLeaseMs, fence: 0 },
      timeouts,
      clock,
      (due) => this.#onOverdue(due),
    );
    this.#deadlines.set(id, deadlines);
    return deadlines;
  }

  /**
   * Publishes what is overdue for an operation: `stalled`, `lost` or a command's `timed_out`. Retries with a growing
   * delay when that fails.
   */
  #onOverdue(deadlines: OperationDeadlines): void {
    const { log, queues, errorLog, wheel } = this.#context;
    const { operationId } = deadlines;
    void queues
      .run(operationId, async () => {
        if (this.#deadlines.get(operationId) !== deadlines) return;
        const operation = await log.read(operationId);
        if (operation === undefined) {
          this.end(operationId);
          return;
        }
        await this.#lookUpRenewal(deadlines);
        await this.#publishOverdue(deadlines, operation);
      })
      .then(() => this.#succeeded(deadlines))
      .catch((error) => {
        errorLog.report(error);
        // The events could not be published, so they are still overdue and are retried later.
        deadlines.failures++;
        const delayMs = Math.min(firstRetryMs * 2 ** (deadlines.failures - 1), maxRetryMs);
        if (this.#deadlines.get(operationId) === deadlines) wheel.set(deadlines, delayMs);
        return deadlines.failures < failuresToTell ? undefined : this.#deadLetter(deadlines, error);
      })
      .catch(errorLog.report);
  }

  /**
   * Adds a dead letter that states that an operation's overdue events cannot be published. The dead letter holds
   * nothing to replay.
   */
  async #deadLetter(deadlines: OperationDeadlines, error: unknown): Promise<void> {
    const { deadLetters, clock } = this.#context;
    const { id } = await deadLetters.put(
      {
        source: `overdue:${deadlines.operationId}`,
        at: clock.now(),
        channel: operationChannel(deadlines.operationId),
        reason: `publish_failed: ${error instanceof MilepostError ? error.code : "internal"}`,
        publisher,
        attempts: deadlines.failures,
        entry: {},
      },
      deadLetterBounds,
    );
    deadlines.deadLetterId = id;
  }

  /** Resets the failures, and removes the dead letter that recorded them. */
  async #succeeded(deadlines: OperationDeadlines): Promise<void> {
    const { deadLetterId } = deadlines;
    deadlines.failures = 0;
    deadlines.deadLetterId = undefined;
    if (deadLetterId !== undefined) await this.#context.deadLetters.remove(deadLetterId);
  }

  /** Writes to the log of the node that the producer of an operation is silent. */
  #tell(
    event: OperationEvent,
    { id, user_id, session_id, producer_id, kind }: OperationState,
  ): void {
    const { logLines } = this.#context;
    if (logLines === undefined || (event.event !== "stalled" && event.event !== "lost")) return;
    const fields = {
      operation: id,
      kind,
      silent_ms: Math.round(event.data.silent_ms),
      ...(producer_id === undefined ? {} : { producer: producer_id }),
      ...(user_id === undefined ? {} : { user: user_id }),
      ...(session_id === undefined ? {} : { session: session_id }),
    };
    if (event.event === "stalled") {
      logLines.warn(
        { event: "operation.stalled", ...fields },
        "the producer of an operation is silent",
      );
    } else {
      logLines.warn(
        { event: "operation.lost", ...fields },
        "an operation is lost: its producer has been silent for too long",
      );
    }
  }

  async #publishOverdue(deadlines: OperationDeadlines, operation: OperationAt): Promise<void> {
    const { log, notifier, instruments, estimates } = this.#context;
    let current = operation;
    for (;;) {
      const event = deadlines.overdue(current.state);
      if (event === undefined) break;
      // With this key, two nodes that decide from the same state append one entry.
      const author = { publisher, key: keyOf(event, current.state) };
      const after = await log.append(deadlines.operationId, current, event, author);
      if (!after.duplicate && event.event === "stalled") instruments.operationsStalled.add(1);
      if (!after.duplicate && event.event === "lost") instruments.operationsLost.add(1);
      if (!after.duplicate) this.#tell(event, after.state);
      await notifier.changed(current, after);
      // An event that does not change the state would be published again and again.
      if (after.state === current.state) break;
      current = after;
    }
    if (deadlines.isSlow(current.state)) current = await estimates.slower(current);
    await this.#watch(deadlines, current.state);
  }
}

function keyOf(event: OperationEvent, { offset }: OperationState): string {
  if (event.event !== "command") return `${event.event}@${offset}`;
  return `${event.data.phase}:${event.data.command_id}`;
}
