import type { OperationCommand, OperationState, SentInput } from "@milepost/model";
import { LazyHandle, type LazyHandleParts } from "./lazy-handle.ts";
import type { LiveOperation, OperationParts } from "./live-operation.ts";
import type { CommandOptions, InputOptions, OperationHandle } from "./operation.ts";
import type * as operationCode from "./operation-code.ts";

/** Handle of an operation whose code is loaded on demand. */
export class LazyOperation
  extends LazyHandle<typeof operationCode, LiveOperation>
  implements OperationHandle
{
  readonly id: string;

  constructor(id: string, lazy: LazyHandleParts<typeof operationCode>, parts: OperationParts) {
    super(lazy, ({ LiveOperation }) => new LiveOperation(id, parts));
    this.id = id;
  }

  get state(): OperationState | undefined {
    return this.live?.state;
  }

  cancel(options?: CommandOptions): Promise<OperationCommand> {
    return this.command("cancel", options);
  }

  pause(options?: CommandOptions): Promise<OperationCommand> {
    return this.command("pause", options);
  }

  resume(options?: CommandOptions): Promise<OperationCommand> {
    return this.command("resume", options);
  }

  retry(options?: CommandOptions): Promise<OperationCommand> {
    return this.command("retry", options);
  }

  command(name: string, options?: CommandOptions): Promise<OperationCommand> {
    return this.call((live) => live.command(name, options));
  }

  input(data: unknown, options?: InputOptions): Promise<SentInput> {
    return this.call((live) => live.input(data, options));
  }

  finished(options?: { readonly signal?: AbortSignal }): Promise<OperationState> {
    return this.call((live) => live.finished(options));
  }
}
