import { type OperationState, summarise, summaryChanged } from "@milepost/model";
import { operationAgeMs } from "../default-rules.ts";
import type { ChannelLog } from "../ports/channel-log.ts";
import type { OperationIndex } from "../ports/operation-index.ts";
import type { RuleBook } from "../rule-book.ts";

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
 * None of it fails what it tells of: a summary that could not be published is repaired by the next one.
 */
export class OperationNews {
  readonly #log: ChannelLog;
  readonly #rules: RuleBook;
  readonly #index: OperationIndex;
  readonly #onFault: (error: unknown) => void;

  constructor(
    log: ChannelLog,
    rules: RuleBook,
    index: OperationIndex,
    onFault: (error: unknown) => void,
  ) {
    this.#log = log;
    this.#rules = rules;
    this.#index = index;
    this.#onFault = onFault;
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
    await this.#append(channels, "operation", json, key);
  }

  async index(state: OperationState, service: string): Promise<void> {
    const { producer_id, commands } = state;
    const waitingCommands = commands.filter(({ phase }) => phase === "requested").length;
    const summary = summarise(state);
    const producer = producer_id === undefined ? {} : { producer: producer_id };
    try {
      await this.#index.put({ summary, service, waitingCommands, ...producer }, operationAgeMs);
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** Wakes whoever waits for a command of the operation's producer. */
  async commanded({ id, producer_id, offset }: OperationState): Promise<void> {
    if (producer_id === undefined) return;
    const json = JSON.stringify({ operation_id: id });
    await this.#append([producerChannel(producer_id)], "command", json, `${id}@${offset}`);
  }

  async #append(
    channels: readonly string[],
    event: string,
    json: string,
    key: string,
  ): Promise<void> {
    const appends = channels.map((channel) => {
      const { name, policy } = this.#rules.of(channel);
      return this.#log.append(name, { event, json, key, publisher }, policy);
    });
    for (const outcome of await Promise.allSettled(appends)) {
      if (outcome.status === "rejected") this.#onFault(outcome.reason);
    }
  }
}
