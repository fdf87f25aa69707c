import type { OperationIndex } from "@milepost/engine";
import { type OperationState, summarise, summaryChanged } from "@milepost/model";
import type { AssuredPublisher } from "../dead-letters/assured-publisher.ts";
import { operationAgeMs } from "../rules/default-rules.ts";

const publisher = "gateway:operations";

/**
 * The channel that tells the waiting calls of a producer that there is a command. Two producers may share
 * one where their ids differ only in signs that no channel name has: it wakes, it does not say what for.
 */
export function producerChannel(producerId: string): string {
  return `gateway:producer:${producerId.slice(0, 200).replace(/[^A-Za-z0-9_.~-]/g, "_")}`;
}

/**
 * Tells of operations beyond their own channel: their summary to user and session, their entry in the index,
 * a wake-up to their producer.
 *
 * None of it fails what it tells of: a summary that could not be published is tried again, gives way to the next one, and
 * ends in the dead letters when neither helps.
 */
export class OperationNotifier {
  readonly #publisher: AssuredPublisher;
  readonly #index: OperationIndex;
  readonly #onError: (error: unknown) => void;

  constructor(assured: AssuredPublisher, index: OperationIndex, onError: (error: unknown) => void) {
    this.#publisher = assured;
    this.#index = index;
    this.#onError = onError;
  }

  /** Publishes the summary where it changed. */
  async changed(before: OperationState | undefined, after: OperationState): Promise<void> {
    if (!summaryChanged(before, after)) return;
    const json = JSON.stringify(summarise(after));
    const key = `${after.id}@${after.offset}`;
    const { session_id, user_id } = after;
    const channels: string[] = [];
    if (session_id !== undefined) channels.push(`session:${session_id}`);
    if (user_id !== undefined) channels.push(`user:${user_id}`);
    await Promise.all(
      channels.map((channel) =>
        this.#publisher.publish(`${channel} ${after.id}`, {
          channel,
          event: "operation",
          json,
          key,
          publisher,
        }),
      ),
    );
  }

  async index(state: OperationState, service: string, dueInMs?: number): Promise<void> {
    const { producer_id, commands } = state;
    const waitingCommands = commands.filter(({ phase }) => phase === "requested").length;
    const summary = summarise(state);
    const producer = producer_id === undefined ? {} : { producer: producer_id };
    try {
      const indexed = { summary, service, waitingCommands, ...producer };
      await this.#index.put(indexed, operationAgeMs, dueInMs);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Wakes whoever waits for a command of the operation's producer. */
  async commanded({ id, producer_id, offset }: OperationState): Promise<void> {
    if (producer_id === undefined) return;
    const json = JSON.stringify({ operation_id: id });
    const channel = producerChannel(producer_id);
    const key = `${id}@${offset}`;
    await this.#publisher.publish(`${channel} ${id}`, {
      channel,
      event: "command",
      json,
      key,
      publisher,
    });
  }
}
