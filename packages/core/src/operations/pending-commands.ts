import type { OperationIndex } from "@milepost/engine";
import type { CommandSource, OperationState, PendingCommand } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { EventWaits } from "../hub/event-waits.ts";
import { type OperationLog, operationChannel } from "./operation-log.ts";
import { producerChannel } from "./operation-notifier.ts";

const maxOperations = 1_000;

/** Parts of the node that {@link PendingCommands} uses. */
export interface PendingCommandsContext {
  readonly waits: EventWaits;
  readonly index: OperationIndex;
  readonly operations: OperationLog;
}

/**
 * Returns the commands that a producer has not acknowledged, and waits for the first one when there is none.
 */
export class PendingCommands {
  readonly #context: PendingCommandsContext;

  constructor(context: PendingCommandsContext) {
    this.#context = context;
  }

  /**
   * Returns every unacknowledged command of the source, which is one operation or one producer, oldest first.
   * If there are none, waits up to `waitMs` milliseconds. Returns an empty list at the timeout or when the
   * signal aborts.
   */
  wait(
    source: CommandSource,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly PendingCommand[]> {
    const channel =
      "operation" in source ? operationChannel(source.operation) : producerChannel(source.producer);
    return this.#context.waits.until(
      () => this.#collect(source),
      { channel, event: "command" },
      waitMs,
      signal,
    );
  }

  async #collect(source: CommandSource): Promise<readonly PendingCommand[]> {
    const { index, operations } = this.#context;
    if ("operation" in source) {
      const found = await operations.read(source.operation);
      if (found === undefined)
        throw new MilepostError(
          "not_found",
          "there is no operation with this id that the credential may see",
        );
      return waitingOf(found.state).map(({ pending }) => pending);
    }
    const { producer } = source;
    const indexed = await index.list({ producer, waiting: true, limit: maxOperations });
    const found = await Promise.all(
      indexed.map(({ summary }) => operations.read(summary.operation_id)),
    );
    return found
      .flatMap((operation) => (operation === undefined ? [] : waitingOf(operation.state)))
      .sort((a, b) => a.requestedAt - b.requestedAt)
      .map(({ pending }) => pending);
  }
}

function waitingOf({ id, commands }: OperationState) {
  return commands
    .filter(({ phase }) => phase === "requested")
    .map(({ id: command_id, command, args, by, requested_at }) => ({
      requestedAt: requested_at,
      pending: {
        operation_id: id,
        command_id,
        command,
        ...(args === undefined ? {} : { args }),
        ...(by === undefined ? {} : { by }),
      } satisfies PendingCommand,
    }));
}
