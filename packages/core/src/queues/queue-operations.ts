import type { Random, QueueTicket as StoredTicket } from "@milepost/engine";
import {
  type CreateOperation,
  isFinal,
  type JoinQueue,
  type OperationLease,
  type QueueTicket,
} from "@milepost/model";
import { encodeId, MilepostError } from "@milepost/protocol";
import { isQueued } from "../operations/is-queued.ts";
import type { Operations } from "../operations/operations-api.ts";
import type { NewWait, QueuedOperations } from "../operations/queued-operations.ts";
import type { Principal, ServicePrincipal } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { QueueRule } from "./queue-rule.ts";
import { readTicketData, type TicketPerson } from "./ticket-owner.ts";

const idLength = 16;

/** Service in whose name the gateway creates the operations of a queue's rule. */
const gateway: ServicePrincipal = { kind: "service", name: "gateway:queues" };

/** Operation that a new ticket will be. */
export interface PlannedOperation {
  readonly id: string;
  /**
   * Creates it for the ticket's person, under another id if one is given. False if there was nothing to create: the operation
   * exists, or its service had to create it.
   */
  create(person: TicketPerson, id?: string): Promise<boolean>;
}

/** Operations that tickets are: created with the ticket, `waiting` with its place, and ended with it. */
export class QueueOperations {
  readonly #operations: Pick<Operations, "create" | "get"> & { readonly queued: QueuedOperations };
  readonly #random: Random;

  constructor(
    operations: Pick<Operations, "create" | "get"> & { readonly queued: QueuedOperations },
    random: Random,
  ) {
    this.#operations = operations;
    this.#random = random;
  }

  /** Returns the operation that a new ticket will be, from what a service asked for or from the queue's rule. */
  async plan(
    principal: Principal,
    rule: QueueRule,
    asked: JoinQueue["operation"],
  ): Promise<PlannedOperation | undefined> {
    if (typeof asked === "string") return this.#existing(principal, asked);
    if (asked !== undefined) {
      const id = asked.operation_id ?? this.#random.id(idLength);
      const service = requireService(principal, "operations", `operation:${encodeId(id)}`);
      return this.#planned(service, id, asked);
    }
    if (rule.operation === undefined) return undefined;
    const id = this.#random.id(idLength);
    return this.#planned(gateway, id, rule.operation);
  }

  /**
   * Takes the lease of a ticket's operation for the worker that has claimed it: `over` for an operation that has ended, undefined
   * where the ticket is no operation.
   */
  async handOver(
    ticket: StoredTicket,
    service: ServicePrincipal,
    leaseMs: number,
  ): Promise<OperationLease | "over" | undefined> {
    const { operation } = readTicketData(ticket.data);
    if (operation === undefined) return undefined;
    return this.#operations.queued.handOver(
      operation,
      service,
      ticket.worker ?? service.name,
      leaseMs,
    );
  }

  /** Ends an operation for which there is no ticket. */
  async abandon(id: string): Promise<void> {
    const data = { reason: "there is no ticket for it" };
    await this.#operations.queued.end(id, { event: "cancelled", data });
  }

  /**
   * Creates the operation of a ticket that waits, if there is none: the node may have died, or the store failed, before it
   * existed. True if the operation does not show yet that it waits.
   */
  async ensure(ticket: StoredTicket, planned: PlannedOperation | undefined): Promise<boolean> {
    const { operation, ...person } = readTicketData(ticket.data);
    if (operation === undefined || ticket.state !== "waiting") return false;
    const state = await this.#operations.queued.read(operation);
    if (state !== undefined) return !isQueued(state);
    return (await planned?.create(person, operation)) ?? false;
  }

  /** Brings the operation of a ticket to where its ticket is. With a `wait`, the ticket has just begun to wait. */
  async changed(stored: StoredTicket, ticket: QueueTicket, wait?: NewWait): Promise<void> {
    const { operation } = readTicketData(stored.data);
    if (operation === undefined) return;
    const { queued } = this.#operations;
    const { position, total, queue, id, estimated_wait: estimate, reason } = ticket;
    switch (ticket.status) {
      case "running":
        return;
      case "waiting":
        await queued.waits(
          operation,
          {
            position,
            total,
            queue,
            ticket: id,
            ...(estimate !== null && {
              estimated_wait_ms: estimate.p50_ms,
              estimated_wait: estimate,
            }),
          },
          wait,
        );
        return;
      case "left":
      case "gone":
        await queued.end(operation, {
          event: "cancelled",
          data: { reason: leavings[ticket.status] },
        });
        return;
      case "failed": {
        const message = reason === undefined ? "the work failed" : failureText(reason);
        const error = { code: "failed", message, retryable: false };
        await queued.end(operation, { event: "failed", data: { error } });
        return;
      }
      case "finished": {
        // A worker that reports on the operation ends it itself. One that never began has nothing more to say.
        const state = await queued.read(operation);
        if (state?.status === "waiting") await queued.end(operation, { event: "done", data: {} });
      }
    }
  }

  #planned(service: ServicePrincipal, id: string, input: CreateOperation): PlannedOperation {
    return {
      id,
      create: async ({ user, session }, operation_id = id) => {
        const { duplicate } = await this.#operations.create(service, {
          ...input,
          operation_id,
          ...(user === undefined ? {} : { user_id: user }),
          ...(session === undefined ? {} : { session_id: session }),
        });
        return !duplicate;
      },
    };
  }

  async #existing(principal: Principal, id: string): Promise<PlannedOperation> {
    requireService(principal, "operations", `operation:${encodeId(id)}`);
    const { operation } = await this.#operations.get(principal, id);
    if (isFinal(operation.status)) {
      throw new MilepostError(
        "not_possible_now",
        `the operation is ${operation.status}, so it cannot wait in a queue; create another one`,
      );
    }
    return { id, create: async () => false };
  }
}

const leavings = {
  left: "left the queue",
  gone: "nobody was there any more when it waited",
} as const;

function failureText(reason: string): string {
  return reason === "lease" ? "its workers were lost too often" : reason;
}
