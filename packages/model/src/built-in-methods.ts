import type {
  OperationAtPosition,
  OperationFilter,
  OperationList,
  RequestCommand,
  RequestedCommand,
} from "./operation-api.ts";

/** The methods that every deployment has. */
export interface BuiltInMethods {
  "operations.get": { params: { readonly operation_id: string }; result: OperationAtPosition };
  "operations.list": { params: OperationFilter; result: OperationList };
  "operations.command": {
    params: RequestCommand & { readonly operation_id: string };
    result: RequestedCommand;
  };
  "history.get": {
    params: { readonly channel: string; readonly since?: unknown; readonly limit?: number };
    result: {
      readonly channel: string;
      readonly entries: readonly {
        readonly position: string;
        readonly event: string;
        readonly data: unknown;
        readonly ts: number;
      }[];
      readonly position: string;
      readonly reason?: string;
    };
  };
}
