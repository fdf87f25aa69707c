import type { OperationSummary } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { followIdentity, type Identity } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { ListedChannel, type OperationListParts } from "./listed-channel.ts";
import type { OperationListView } from "./operation.ts";

/**
 * Operation list, folded from the session's and the user's channel: an operation may belong to either alone. The
 * client subscribes to the channels while the list has listeners.
 */
export class LiveOperationList {
  readonly #parts: OperationListParts;
  readonly #listeners: ChangeListeners;
  #channels: readonly ListedChannel[] = [];
  /** Error of a credential that names nobody. */
  #error: MilepostError | undefined;
  #view: OperationListView | undefined;

  constructor(parts: OperationListParts) {
    this.#parts = parts;
    this.#listeners = new ChangeListeners(parts.reporter, () => {
      const stop = followIdentity(parts.identity, (identity) => this.#begin(identity));
      return () => {
        stop();
        this.#changed();
      };
    });
  }

  get view(): OperationListView {
    this.#view ??= this.#refresh();
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  #begin({ session, user }: Identity): () => void {
    const channels = [session, user].flatMap((name) => {
      if (name === undefined) return [];
      const known = this.#channels.find((channel) => channel.name === name);
      return known ?? new ListedChannel(name, this.#parts, () => this.#changed());
    });
    this.#channels = channels;
    this.#error =
      channels.length > 0
        ? undefined
        : new MilepostError(
            "forbidden",
            "the credential names neither a session nor a user, so it has no list of operations",
          );
    for (const channel of channels) channel.open();
    this.#changed();
    return () => {
      for (const channel of channels) channel.close();
    };
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }

  #refresh(): OperationListView {
    const answered = this.#channels.filter((channel) => channel.answered);
    const isSettled = this.#channels.every(({ answered, error }) => answered || error);
    if (answered.length === 0) {
      const error = this.#error ?? this.#channels.find((channel) => channel.error)?.error;
      return error === undefined || !isSettled ? { kind: "loading" } : { kind: "error", error };
    }
    const byId = new Map<string, OperationSummary>();
    for (const { operations } of answered) {
      for (const [id, summary] of operations) {
        const other = byId.get(id);
        if (other === undefined || summary.updated_at > other.updated_at) byId.set(id, summary);
      }
    }
    // The other channel may have operations, so an empty list waits for its answer.
    if (byId.size === 0 && !isSettled) return { kind: "loading" };
    const operations = [...byId.values()].sort((a, b) => b.created_at - a.created_at);
    return { kind: "ready", operations, stale: answered.some((channel) => !channel.isLive) };
  }
}
