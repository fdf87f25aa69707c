import type { Core, ServicePrincipal } from "@milepost/core";
import type {
  OperationAtPosition,
  OperationFilter,
  OperationList,
  ProducerGateway,
  QueueGateway,
  RequestCommand,
  RequestCommands,
  RequestedCommand,
  RequestedCommands,
  SendInput,
  SentInput,
  SteeringGateway,
} from "@milepost/model";

/** Operations interface for code in the gateway's own process. `createProducer` accepts it as its `gateway`. */
export interface GatewayOperations extends ProducerGateway, QueueGateway, SteeringGateway {
  get(operationId: string): Promise<OperationAtPosition>;
  list(filter?: OperationFilter): Promise<OperationList>;
  command(operationId: string, input: RequestCommand): Promise<RequestedCommand>;
  /** Sends a command to every operation of a filter that allows it, a page at a time. */
  commandAll(input: RequestCommands): Promise<RequestedCommands>;
  /** Sends a message into a running operation. */
  input(operationId: string, input: SendInput): Promise<SentInput>;
}

/**
 * Returns the operations with `principal` as the caller of each call. A call whose signal is already aborted
 * does not start.
 */
export function operationsOf(
  { operations, queues, questions }: Pick<Core, "operations" | "queues" | "questions">,
  principal: ServicePrincipal,
): GatewayOperations {
  return {
    async create(input, signal) {
      signal?.throwIfAborted();
      return operations.create(principal, input);
    },
    async report(operationId, input, signal) {
      signal?.throwIfAborted();
      return operations.report(principal, operationId, input);
    },
    async takeOver(operationId, leaseMs, signal, worker) {
      signal?.throwIfAborted();
      return operations.takeOver(principal, operationId, leaseMs, worker);
    },
    pendingCommands: (source, waitMs, signal) =>
      operations.pendingCommands(principal, source, waitMs, signal),
    pendingInputs: (operationId, after, waitMs, signal) =>
      operations.pendingInputs(principal, operationId, after, waitMs, signal),
    async ask(operationId, input, signal) {
      signal?.throwIfAborted();
      return questions.ask(principal, operationId, input);
    },
    question: (operationId, questionId, waitMs, signal) =>
      questions.get(principal, operationId, questionId, waitMs, signal),
    claimTicket: (queue, input, waitMs, signal) =>
      queues.claim(principal, queue, input, waitMs, signal),
    extendTicket: (queue, ticket, input) => queues.extend(principal, queue, ticket, input),
    finishTicket: (queue, ticket, input) => queues.finish(principal, queue, ticket, input),
    failTicket: (queue, ticket, input) => queues.fail(principal, queue, ticket, input),
    get: (operationId) => operations.get(principal, operationId),
    list: (filter = {}) => operations.list(principal, filter),
    command: (operationId, input) => operations.command(principal, operationId, input),
    commandAll: (input) => operations.commandAll(principal, input),
    input: (operationId, input) => operations.input(principal, operationId, input),
  };
}
