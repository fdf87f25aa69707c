import type { Clock, DeadLetters, Lease, OperationIndex, SerialQueues } from "@milepost/engine";
import type { OperationEvent, OperationState } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { deadLetterBounds } from "../dead-letters/dead-letter-bounds.ts";
import type { ServicePrincipal } from "../rules/principal.ts";
import type { Faults } from "../runtime/error-log.ts";

import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { type CommandPatience, OperationWatch } from "./operation-deadlines.ts";
import { defaultLeaseMs } from "./operation-inputs.ts";
import type { OperationLeases } from "./operation-leases.ts";
import { type OperationAt, type OperationLog, operationChannel } from "./operation-log.ts";
import type { OperationNews } from "./operation-news.ts";

const publisher = "gateway:operations";
const adoptAfterMs = 2_000;
const adoptAtOnce = 1_000;
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;
/** So many failures in a row are told by a dead letter; trying goes on. */
const failuresToTell = 5;

/** What the watching of operations needs. */
export interface WatchContext {
  readonly log: OperationLog;
  readonly leases: OperationLeases;
  readonly news: OperationNews;
  readonly lines: SerialQueues;
  readonly index: OperationIndex;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly patience: CommandPatience;
  readonly letters: DeadLetters;
  readonly faults: Faults;
}

/** The operations that this node has handled and that something may become overdue of; it publishes what is. */
export class OperationWatches {
  readonly #context: WatchContext;
  readonly #watches = new Map<string, OperationWatch>();

  constructor(context: WatchContext) {
    this.#context = context;
  }

  /** Brings the index and the watch up to a state; a lease says that its producer has just renewed it. */
  async look(state: OperationState, service?: ServicePrincipal, lease?: Lease): Promise<void> {
    const { news, wheel, clock, leases } = this.#context;
    const watch = this.#watches.get(state.id) ?? (await this.#begin(state.id, service));
    if (lease !== undefined) watch.heard(leases.renewalOf(lease));
    const due = watch.observe(state, clock.monotonic());
    // Also for the other nodes: when this one dies another finds it there.
    await news.index(state, watch.service, due === undefined ? due : due - clock.monotonic());
    if (due === undefined) this.end(state.id);
    else wheel.set(watch, due - clock.monotonic());
  }

  /**
   * Watches an operation from before it is there: when the store takes it and the answer is lost, nobody else
   * knows of it.
   */
  async expect(operationId: string, service: ServicePrincipal, lease: Lease): Promise<void> {
    const { wheel, leases } = this.#context;
    const watch = this.#watches.get(operationId) ?? (await this.#begin(operationId, service));
    watch.heard(leases.renewalOf(lease));
    wheel.set(watch, lease.ttlMs);
  }

  /** Watches what has been overdue longer than a node that watches it would take: that node is gone. */
  async adopt(): Promise<void> {
    const { index, lines, log } = this.#context;
    for (const id of await index.due(adoptAfterMs, adoptAtOnce)) {
      if (this.#watches.has(id)) continue;
      await lines.run(id, async () => {
        const operation = await log.read(id);
        if (operation === undefined) await index.remove(id);
        else if (!this.#watches.has(id)) await this.look(operation.state);
      });
    }
  }

  /** Watches it no longer. */
  end(operationId: string): void {
    const watch = this.#watches.get(operationId);
    if (watch === undefined) return;
    this.#watches.delete(operationId);
    this.#context.wheel.clear(watch);
  }

  close(): void {
    for (const id of [...this.#watches.keys()]) this.end(id);
  }

  async #begin(id: string, service: ServicePrincipal | undefined): Promise<OperationWatch> {
    const { index, leases, clock, patience } = this.#context;
    const indexed = await index.get(id);
    // A producer that reports elsewhere was heard when it last renewed.
    const renewal = await leases.lastRenewal(id);
    const overdue = { at: clock.monotonic() - defaultLeaseMs, expiresAt: undefined };
    const watch = new OperationWatch(
      id,
      indexed?.service ?? service?.name ?? "",
      renewal ?? { ...overdue, leaseMs: defaultLeaseMs },
      patience,
      (due) => this.#tend(due),
    );
    this.#watches.set(id, watch);
    return watch;
  }

  /** Publishes what is overdue. */
  #tend(watch: OperationWatch): void {
    const { log, leases, lines, faults, wheel } = this.#context;
    const { operationId } = watch;
    void lines
      .run(operationId, async () => {
        if (this.#watches.get(operationId) !== watch) return;
        const operation = await log.read(operationId);
        if (operation === undefined) {
          this.end(operationId);
          return;
        }
        // A producer that reports to another node renews the lease there.
        const renewal = await leases.lastRenewal(operationId);
        if (renewal !== undefined) watch.heardOf(renewal);
        await this.#publishOverdue(watch, operation);
      })
      .then(() => this.#succeeded(watch))
      .catch((error) => {
        faults.note(error);
        // The store did not answer: what is overdue stays so and is tried again.
        watch.failures++;
        const delayMs = Math.min(firstRetryMs * 2 ** (watch.failures - 1), maxRetryMs);
        if (this.#watches.get(operationId) === watch) wheel.set(watch, delayMs);
        return watch.failures < failuresToTell ? undefined : this.#tell(watch, error);
      })
      .catch(faults.note);
  }

  /** Says in a dead letter that what is overdue of an operation cannot be published; there is nothing to replay in it. */
  async #tell(watch: OperationWatch, error: unknown): Promise<void> {
    const { letters, clock } = this.#context;
    const { id } = await letters.put(
      {
        source: `overdue:${watch.operationId}`,
        at: clock.now(),
        channel: operationChannel(watch.operationId),
        reason: `publish_failed: ${error instanceof MilepostError ? error.code : "internal"}`,
        publisher,
        attempts: watch.failures,
        entry: {},
      },
      deadLetterBounds,
    );
    watch.letter = id;
  }

  /** The letter is not true any more. */
  async #succeeded(watch: OperationWatch): Promise<void> {
    const { letter } = watch;
    watch.failures = 0;
    watch.letter = undefined;
    if (letter !== undefined) await this.#context.letters.remove(letter);
  }

  async #publishOverdue(watch: OperationWatch, operation: OperationAt): Promise<void> {
    const { log, news, clock } = this.#context;
    let current = operation;
    for (;;) {
      const event = watch.overdue(current.state, clock.monotonic());
      if (event === undefined) break;
      // Two nodes that decide by the same state make one entry.
      const author = { publisher, key: keyOf(event, current.state) };
      const after = await log.append(watch.operationId, current, event, author);
      await news.changed(current.state, after.state);
      // An event that changed nothing would come again and again.
      if (after.state === current.state) break;
      current = after;
    }
    await this.look(current.state);
  }
}

function keyOf(event: OperationEvent, { offset }: OperationState): string {
  if (event.event !== "command") return `${event.event}@${offset}`;
  return `${event.data.phase}:${event.data.command_id}`;
}
