import type {
  CommandSource,
  CreatedOperation,
  CreateOperation,
  OperationAtPosition,
  OperationFilter,
  OperationLease,
  OperationList,
  PendingCommand,
  PendingInput,
  ReportEvents,
  ReportResult,
  RequestCommand,
  RequestCommands,
  RequestedCommand,
  RequestedCommands,
  SendInput,
  SentInput,
} from "@milepost/model";
import type { Principal } from "../rules/principal.ts";

/**
 * Methods for operations, each called on behalf of a principal. Every method checks what its principal may do.
 */
export interface Operations {
  create(principal: Principal, input: CreateOperation): Promise<CreatedOperation>;
  get(principal: Principal, operationId: string): Promise<OperationAtPosition>;
  list(principal: Principal, filter: OperationFilter): Promise<OperationList>;
  report(
    principal: Principal,
    operationId: string,
    input: ReportEvents,
  ): Promise<readonly ReportResult[]>;
  /** Takes the lease from its holder. `worker` names the new one to the producer that is refused then. */
  takeOver(
    principal: Principal,
    operationId: string,
    leaseMs?: number,
    worker?: string,
  ): Promise<OperationLease>;
  command(
    principal: Principal,
    operationId: string,
    input: RequestCommand,
  ): Promise<RequestedCommand>;
  /** Sends a command to every operation of a filter that allows it, a page at a time. */
  commandAll(principal: Principal, input: RequestCommands): Promise<RequestedCommands>;
  pendingCommands(
    principal: Principal,
    source: CommandSource,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingCommand[]>;
  /** Sends a message into a running operation. */
  input(principal: Principal, operationId: string, input: SendInput): Promise<SentInput>;
  /** Returns the messages that the producer has not finished, with a `seq` above `after`; see `SteeringGateway`. */
  pendingInputs(
    principal: Principal,
    operationId: string,
    after?: number,
    waitMs?: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingInput[]>;
}
