import { maxKeys, type OperationSummary } from "@milepost/model";
import { isRecord, type MilepostError, type Snapshot } from "@milepost/protocol";
import type { ChannelHandlers, SubscribeOptions, Subscription } from "../channel/channel.ts";
import type { IdentitySource } from "../connection/identity.ts";
import type { Reporter } from "../runtime/reporter.ts";

/** Parts of the client that the operation list uses. */
export interface OperationListParts {
  readonly reporter: Reporter;
  readonly identity: IdentitySource;
  subscribe(name: string, handlers: ChannelHandlers, options: SubscribeOptions): Subscription;
}

/** Operations of one channel, the session's or the user's, folded from the summaries in it. */
export class ListedChannel {
  readonly name: string;
  /** Operations by id. */
  readonly operations = new Map<string, OperationSummary>();
  /** True once the gateway has answered a subscribe. */
  answered = false;
  error: MilepostError | undefined;
  readonly #parts: OperationListParts;
  readonly #changed: () => void;
  #subscription: Subscription | undefined;

  constructor(name: string, parts: OperationListParts, changed: () => void) {
    this.name = name;
    this.#parts = parts;
    this.#changed = changed;
  }

  get isLive(): boolean {
    return this.#subscription?.state === "live";
  }

  open(): void {
    this.error = undefined;
    this.#subscription = this.#parts.subscribe(
      this.name,
      {
        onEvent: ({ data }) => this.#put(data),
        onSnapshot: ({ snapshot }) => this.#replace(snapshot),
        onReset: ({ snapshot }) => this.#replace(snapshot),
        onState: (state) => {
          this.answered ||= state === "live";
          this.#changed();
        },
        onError: (error) => {
          this.error = error;
          this.#changed();
        },
      },
      { events: ["operation"] },
    );
  }

  close(): void {
    this.#subscription?.close();
  }

  #replace({ projection, state }: Snapshot): void {
    this.operations.clear();
    const all = projection === "personal" && isRecord(state) ? state.operations : state;
    if (isRecord(all)) for (const summary of Object.values(all)) this.#put(summary);
    this.#changed();
  }

  #put(summary: unknown): void {
    if (!isRecord(summary) || typeof summary.operation_id !== "string") return;
    // The gateway keeps the operations that changed last, so a page that stays open for weeks does the same.
    this.operations.delete(summary.operation_id);
    this.operations.set(summary.operation_id, summary as unknown as OperationSummary);
    const [oldest] = this.operations.keys();
    if (this.operations.size > maxKeys && oldest !== undefined) this.operations.delete(oldest);
    this.#changed();
  }
}
