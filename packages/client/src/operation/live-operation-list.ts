import { maxKeys, type OperationSummary } from "@milepost/model";
import { isRecord, MilepostError, type Snapshot } from "@milepost/protocol";
import type { ChannelHandlers, SubscribeOptions, Subscription } from "../channel/channel.ts";
import { followIdentity, type IdentitySource } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { OperationListHandle, OperationListView } from "./operation.ts";

/** Parts of the client that the operation list uses. */
export interface OperationListParts {
  readonly reporter: Reporter;
  readonly identity: IdentitySource;
  subscribe(name: string, handlers: ChannelHandlers, options: SubscribeOptions): Subscription;
}

/**
 * Operation list, folded from the session's channel, or from the user's channel if there is no session. The
 * client subscribes to the channel while the list has listeners.
 */
export class LiveOperationList implements OperationListHandle {
  readonly #parts: OperationListParts;
  readonly #listeners: ChangeListeners;
  readonly #operations = new Map<string, OperationSummary>();
  #answered = false;
  #error: MilepostError | undefined;
  #subscription: Subscription | undefined;
  #view: OperationListView | undefined;

  constructor(parts: OperationListParts) {
    this.#parts = parts;
    this.#listeners = new ChangeListeners(parts.reporter, () => {
      const stop = followIdentity(parts.identity, ({ session, user }) =>
        this.#begin(session ?? user),
      );
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

  getSnapshot(): OperationListView {
    return this.view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  #begin(channel: string | undefined): () => void {
    if (this.#subscription?.channel !== channel) {
      this.#operations.clear();
      this.#answered = false;
    }
    this.#error = undefined;
    if (channel === undefined) {
      this.#error = new MilepostError(
        "forbidden",
        "the credential names neither a session nor a user, so it has no list of operations",
      );
      this.#changed();
      return () => {};
    }
    const subscription = this.#parts.subscribe(
      channel,
      {
        onEvent: ({ data }) => this.#put(data),
        onSnapshot: ({ snapshot }) => this.#replace(snapshot),
        onReset: ({ snapshot }) => this.#replace(snapshot),
        onState: (state) => {
          this.#answered ||= state === "live";
          this.#changed();
        },
        onError: (error) => {
          this.#error = error;
          this.#changed();
        },
      },
      { events: ["operation"] },
    );
    this.#subscription = subscription;
    this.#changed();
    return () => subscription.close();
  }

  #replace({ state }: Snapshot): void {
    this.#operations.clear();
    if (isRecord(state)) for (const summary of Object.values(state)) this.#put(summary);
    this.#changed();
  }

  #put(summary: unknown): void {
    if (!isRecord(summary) || typeof summary.operation_id !== "string") return;
    // The gateway keeps the operations that changed last, so a page that stays open for weeks does the same.
    this.#operations.delete(summary.operation_id);
    this.#operations.set(summary.operation_id, summary as unknown as OperationSummary);
    const [oldest] = this.#operations.keys();
    if (this.#operations.size > maxKeys && oldest !== undefined) {
      this.#operations.delete(oldest);
    }
    this.#changed();
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }

  #refresh(): OperationListView {
    if (!this.#answered) {
      const error = this.#error;
      return error === undefined ? { kind: "loading" } : { kind: "error", error };
    }
    const operations = [...this.#operations.values()].sort((a, b) => b.created_at - a.created_at);
    return { kind: "ready", operations, stale: this.#subscription?.state !== "live" };
  }
}
