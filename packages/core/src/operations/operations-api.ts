import type {
  CommandSource,
  CreatedOperation,
  CreateOperation,
  OperationAtPosition,
  OperationFilter,
  OperationLease,
  OperationList,
  PendingCommand,
  ReportEvents,
  ReportResult,
  RequestCommand,
  RequestedCommand,
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
  takeOver(principal: Principal, operationId: string, leaseMs?: number): Promise<OperationLease>;
  command(
    principal: Principal,
    operationId: string,
    input: RequestCommand,
  ): Promise<RequestedCommand>;
  pendingCommands(
    principal: Principal,
    source: CommandSource,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingCommand[]>;
}
