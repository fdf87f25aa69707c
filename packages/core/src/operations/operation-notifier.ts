import type { OperationIndex } from "@milepost/engine";
import { type OperationState, summarise, summaryChanged } from "@milepost/model";
import { encodeId } from "@milepost/protocol";
import type { AssuredPublisher } from "../dead-letters/assured-publisher.ts";
import type { Reach } from "../reach/reach.ts";
import { operationAgeMs } from "../rules/default-rules.ts";
import type { OperationAfter, OperationAt } from "./operation-log.ts";
import type { SharedSummaries } from "./shared-summaries.ts";

const publisher = "gateway:operations";

/**
 * Returns the name of the channel that signals new commands to a producer's waiting calls.
 *
 * Only the first 200 characters of the id count, and characters that channel names cannot have are replaced.
 * Two producers may therefore share a channel. That does no harm, since a signal only makes the calls look for
 * commands.
 */
export function producerChannel(producerId: string): string {
  return `gateway:producer:${producerId.slice(0, 200).replace(/[^A-Za-z0-9_.~-]/g, "_")}`;
}

/**
 * Publishes changes of an operation outside its own channel: its summary for its user and session and for the channels
 * that it belongs to, its index entry, and the signal to its producer.
 *
 * A failure here never fails the change itself. A summary for a user or session that could not be published is retried,
 * unless a newer summary replaces it. After the last attempt it becomes a dead letter.
 */
export class OperationNotifier {
  readonly #publisher: AssuredPublisher;
  readonly #index: OperationIndex;
  readonly #shared: SharedSummaries;
  readonly #reach: Pick<Reach, "operationChanged">;
  readonly #node: string;
  readonly #onError: (error: unknown) => void;

  constructor(
    assured: AssuredPublisher,
    index: OperationIndex,
    shared: SharedSummaries,
    reach: Pick<Reach, "operationChanged">,
    node: string,
    onError: (error: unknown) => void,
  ) {
    this.#publisher = assured;
    this.#index = index;
    this.#shared = shared;
    this.#reach = reach;
    this.#node = node;
    this.#onError = onError;
  }

  /** Publishes the operation's summary, if an event has changed it, and notes what a user who is away must know. */
  async changed(before: OperationAt | undefined, after: OperationAfter): Promise<void> {
    const shared = this.#shared.follow(before, after);
    const noted = this.#reach.operationChanged(before?.state, after.state);
    await this.#tellOwners(before?.state, after.state);
    await Promise.all([shared, noted]);
  }

  async #tellOwners(before: OperationState | undefined, after: OperationState): Promise<void> {
    if (!summaryChanged(before, after)) return;
    const json = JSON.stringify(summarise(after));
    const key = `${after.id}@${after.offset}`;
    const { session_id, user_id } = after;
    const channels: string[] = [];
    if (session_id !== undefined) channels.push(`session:${encodeId(session_id)}`);
    if (user_id !== undefined) {
      const user = `user:${encodeId(user_id)}`;
      channels.push(user);
      for (const tag of after.tags ?? []) channels.push(`${user}:tag:${tag}`);
    }
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

  /** Notes an operation that this node takes over, since the node before may have died in between. */
  async adopted(state: OperationState): Promise<void> {
    await this.#reach.operationChanged(undefined, state);
  }

  /**
   * Updates the operation's index entry: the state's summary, the name of the API key, the fence of the lease
   * that this node knows, and the time until the next deadline.
   */
  async index(
    state: OperationState,
    { service, fence }: { readonly service: string; readonly fence: number },
    dueInMs?: number,
  ): Promise<void> {
    const { producer_id, commands, offset } = state;
    const waitingCommands = commands.filter(({ phase }) => phase === "requested").length;
    const summary = summarise(state);
    const producer = producer_id === undefined ? {} : { producer: producer_id };
    const { weight, counters } = state;
    const tree = {
      ...(weight === undefined ? {} : { weight }),
      ...(counters === undefined ? {} : { counters }),
    };
    const told = this.#shared.toldOf(state.id);
    const shared = told === undefined ? {} : { told };
    try {
      const indexed = {
        summary,
        service,
        node: this.#node,
        waitingCommands,
        offset,
        fence,
        ...producer,
        ...shared,
        ...tree,
      };
      await this.#index.put(indexed, operationAgeMs, dueInMs);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Wakes the calls that wait for commands of the operation's producer. */
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
