import type { Random } from "@milepost/engine";
import {
  inputBounds,
  isFinal,
  isPendingInput,
  type OperationState,
  type PendingInput,
  refuses,
  type SendInput,
  type SentInput,
} from "@milepost/model";
import { compact, MilepostError } from "@milepost/protocol";
import type { EventWaits } from "../hub/event-waits.ts";
import { authorOf, nameOf, type Principal } from "../rules/principal.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { OperationAccess } from "./operation-access.ts";
import { type OperationLog, operationChannel } from "./operation-log.ts";
import type { OperationMonitor } from "./operation-monitor.ts";
import type { OperationNotifier } from "./operation-notifier.ts";

const idLength = 16;

/** Parts of the node that {@link Steering} uses. */
export interface SteeringContext {
  readonly access: OperationAccess;
  readonly log: OperationLog;
  readonly notifier: OperationNotifier;
  readonly monitor: OperationMonitor;
  readonly waits: EventWaits;
  readonly random: Random;
  readonly instruments: Pick<CoreInstruments, "operationInputs">;
}

/** Messages that people send into running operations, and the wait of a producer for them. */
export class Steering {
  readonly #context: SteeringContext;

  constructor(context: SteeringContext) {
    this.#context = context;
  }

  /**
   * Adds a message to the operation's log. The same key of the same sender is the same message. Rejects with `busy` or
   * `rate_limited` where the operation takes none now, and with `not_possible_now` once it has ended. The caller runs this
   * in the operation's own queue.
   */
  async send(
    principal: Principal,
    operationId: string,
    { data, key }: SendInput,
  ): Promise<SentInput> {
    const { access, log, random, notifier, monitor, instruments } = this.#context;
    const operation = await access.commanded(principal, operationId, "messages");
    const { state } = operation;
    const author = authorOf(principal);
    const { publisher } = author;
    const inputKey = key === undefined ? {} : { key: `input:${key}` };
    if (inputKey.key !== undefined) {
      const known = await this.#known(state, publisher, inputKey.key);
      if (known !== undefined) return known;
    }
    this.#refuse(state);
    const input_id = random.id(idLength);
    const event = { input_id, phase: "queued", data, by: nameOf(principal) } as const;
    const after = await log.append(
      operationId,
      operation,
      { event: "input", data: event },
      { ...author, ...inputKey },
    );
    if (after.duplicate && inputKey.key !== undefined) {
      // Another node took the same request a moment earlier.
      const known = await this.#known(after.state, publisher, inputKey.key);
      if (known !== undefined) return known;
    }
    await notifier.changed(operation, after);
    await monitor.refresh(after.state, { before: state });
    const stored = after.state.inputs?.find(({ id }) => id === input_id);
    if (stored === undefined || stored.phase === "rejected") {
      // The operation ended or became busy at another node before the message reached the log.
      this.#refuse(after.state, stored !== undefined);
    }
    instruments.operationInputs.queued.add(1);
    return { input_id, phase: stored?.phase ?? "dropped" };
  }

  /**
   * Returns the messages that the producer has not finished and whose `seq` is above `after`, oldest first. If there are
   * none, waits up to `waitMs` milliseconds for one.
   */
  pending(
    operationId: string,
    after: number,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly PendingInput[]> {
    const { access, waits } = this.#context;
    const look = async () => {
      const { state } = await access.existing(operationId);
      return pendingOf(state).filter(({ seq }) => seq > after);
    };
    return waits.until(
      look,
      { channel: operationChannel(operationId), event: "input" },
      waitMs,
      signal,
    );
  }

  /** Throws if the operation takes no message now. */
  #refuse(state: OperationState, wasRejected = false): void {
    const { instruments } = this.#context;
    if (isFinal(state.status)) {
      instruments.operationInputs.ended.add(1);
      throw new MilepostError(
        "not_possible_now",
        `the operation is ${state.status}; it takes no more messages`,
      );
    }
    const why = refuses(state.inputs ?? [], state.accepts ?? {});
    if (why === "full") {
      instruments.operationInputs.full.add(1);
      throw new MilepostError(
        "rate_limited",
        `${inputBounds.pending} messages of this operation wait for its producer; send this one later`,
      );
    }
    if (why === "busy" || wasRejected) {
      instruments.operationInputs.busy.add(1);
      throw new MilepostError(
        "busy",
        "the operation is busy and takes no messages meanwhile; send this one later",
      );
    }
  }

  /** Returns the message that was already sent with this key, with its current phase. */
  async #known(
    { id, inputs, status }: OperationState,
    publisher: string,
    key: string,
  ): Promise<SentInput | undefined> {
    const known = await this.#context.log.find(id, publisher, key);
    if (known === undefined) return undefined;
    const data = JSON.parse(known.json) as { input_id: string } | null;
    const stored = inputs?.find((one) => one.id === data?.input_id);
    if (stored?.phase === "rejected") {
      throw new MilepostError(
        "busy",
        "the operation was busy when this message was sent; send it again with another key",
      );
    }
    // A message that the state no longer has was settled long ago, or came after the end.
    const phase = stored?.phase ?? (isFinal(status) ? "dropped" : "done");
    return { input_id: data?.input_id ?? "", phase };
  }
}

function pendingOf({ id, inputs = [] }: OperationState): readonly PendingInput[] {
  return inputs
    .filter(isPendingInput)
    .map(({ id: input_id, data, by, phase, seq }) =>
      compact({ operation_id: id, input_id, data, by, phase, seq }),
    );
}
