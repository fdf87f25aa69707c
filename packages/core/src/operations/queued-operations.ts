import type { SerialQueues } from "@milepost/engine";
import {
  isFinal,
  type OperationEvent,
  type OperationEvents,
  type OperationLease,
  type OperationState,
} from "@milepost/model";
import type { ServicePrincipal } from "../rules/principal.ts";
import { asOperationLease, type OperationLeases } from "./operation-leases.ts";
import type { OperationAt, OperationLog } from "./operation-log.ts";
import type { OperationMonitor } from "./operation-monitor.ts";
import type { OperationNotifier } from "./operation-notifier.ts";

const publisher = "gateway:queues";

/** Place of an operation in a queue of the gateway. */
export type QueuedPlace = OperationEvents["waiting"] & {
  readonly queue: string;
  readonly ticket: string;
};

/** Step after which a ticket waits that did not wait before. */
export interface NewWait {
  readonly by: "join" | "return";
  /** True if the ticket still waits as it did after the step: no worker has claimed it since. */
  readonly isStill: () => Promise<boolean>;
}

/** Parts of the operations that {@link QueuedOperations} uses. */
export interface QueuedOperationsContext {
  readonly log: OperationLog;
  readonly leases: OperationLeases;
  readonly monitor: OperationMonitor;
  readonly notifier: OperationNotifier;
  readonly queues: SerialQueues;
}

/**
 * Operations that are tickets first and run later. While one waits, the gateway reports its place; the worker that claims
 * its ticket takes its lease over.
 */
export class QueuedOperations {
  readonly #context: QueuedOperationsContext;

  constructor(context: QueuedOperationsContext) {
    this.#context = context;
  }

  /**
   * Publishes the place of an operation that waits. With a `wait` that has just begun, an operation that ran waits again: it is
   * taken from its worker, whose later reports are refused. Does nothing for one that has ended, and for one whose ticket a
   * worker has claimed meanwhile.
   */
  async waits(operationId: string, place: QueuedPlace, wait?: NewWait): Promise<void> {
    await this.#withLive(operationId, async (operation) => {
      const isWaiting = operation.state.status === "waiting";
      if (wait === undefined ? !isWaiting : !(await this.#begins(operationId, wait, isWaiting))) {
        return;
      }
      await this.#publish(operation, { event: "waiting", data: place });
    });
  }

  /** Takes the operation of a ticket that waits anew from its worker; false if the ticket no longer waits. */
  async #begins(id: string, { by, isStill }: NewWait, isWaiting: boolean): Promise<boolean> {
    // The service whose waiting operation joins may go on to report on it.
    if (by === "join" && isWaiting) return true;
    return this.#context.leases.revokeIf(id, isStill);
  }

  /**
   * Takes the lease of an operation for the worker that has claimed its ticket. Resolves with `over` for an operation that has
   * ended, and with undefined where there is none.
   */
  async handOver(
    operationId: string,
    service: ServicePrincipal,
    worker: string,
    leaseMs: number,
  ): Promise<OperationLease | "over" | undefined> {
    const { log, leases, monitor, queues } = this.#context;
    return queues.run(operationId, async () => {
      const operation = await log.read(operationId);
      if (operation === undefined) return undefined;
      if (isFinal(operation.state.status)) return "over";
      const lease = await leases.take(operationId, worker, leaseMs);
      await monitor.refresh(operation.state, { service, lease });
      return asOperationLease(lease);
    });
  }

  /** Ends an operation whose ticket has ended, if it has not ended yet, and answers its requests to cancel. */
  async end(
    operationId: string,
    event: OperationEvent & { readonly event: "done" | "failed" | "cancelled" },
  ): Promise<void> {
    await this.#withLive(operationId, async (operation) => {
      const { commands } = operation.state;
      let current = await this.#publish(operation, event);
      for (const { id, command, phase } of commands) {
        if (command !== "cancel" || (phase !== "requested" && phase !== "acknowledged")) continue;
        const data = { command_id: id, command, phase: "done" as const };
        current = await this.#publish(current, { event: "command", data });
      }
    });
  }

  /** Reads an operation; undefined if there is none. */
  async read(operationId: string): Promise<OperationState | undefined> {
    return (await this.#context.log.read(operationId))?.state;
  }

  async #withLive(
    operationId: string,
    act: (operation: OperationAt) => Promise<unknown>,
  ): Promise<void> {
    const { log, queues } = this.#context;
    await queues.run(operationId, async () => {
      const operation = await log.read(operationId);
      if (operation !== undefined && !isFinal(operation.state.status)) await act(operation);
    });
  }

  async #publish(operation: OperationAt, event: OperationEvent): Promise<OperationAt> {
    const { log, notifier, monitor } = this.#context;
    const { state } = operation;
    const key = `${event.event}@${state.offset}`;
    const after = await log.append(state.id, operation, event, { publisher, key });
    await notifier.changed(operation, after);
    await monitor.refresh(after.state, { before: state });
    return after;
  }
}
