import type {
  CommandPhase,
  OperationCommand,
  OperationState,
  OperationSummary,
  SentInput,
} from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";
import type { ChannelGap } from "../channel/channel.ts";

/** State of an operation, with any kind, input and result that a contract may define. */
type AnyOperationState = Omit<OperationState, "kind" | "input" | "result"> & {
  readonly kind: string;
  readonly input?: unknown;
  readonly result?: unknown;
};

/** Report that entries of an operation were lost and the state is without them or was replaced. */
export interface MissedEntries {
  readonly reason: ChannelGap["reason"];
  /**
   * True when the gateway sent a whole new state, which includes the missed entries; otherwise the state may
   * lack them.
   */
  readonly replaced: boolean;
}

/** View of an operation, discriminated by `kind`. */
export type OperationView<State extends AnyOperationState = OperationState> =
  /** No answer has arrived yet. */
  | { readonly kind: "loading" }
  /**
   * The operation has not begun yet, or belongs to another user: the gateway does not reveal which. The view
   * becomes `ready` by itself when the operation appears.
   */
  | { readonly kind: "pending" }
  /**
   * The state is known. While `stale` is true there is no live subscription, or the gateway no longer knows the
   * operation, so this is the last known state.
   */
  | {
      readonly kind: "ready";
      readonly state: State;
      readonly stale: boolean;
      /** Last loss of entries (a gap or a reset); absent when none were lost. */
      readonly missed?: MissedEntries;
    }
  /** No producer has reported anything under this id. Only a credential that may see all operations learns this. */
  | { readonly kind: "missing" }
  | { readonly kind: "error"; readonly error: MilepostError };

/** Options of a command. */
export interface CommandOptions {
  readonly args?: unknown;
  /** Idempotency key: requests with the same key send one command. Generated when absent. */
  readonly key?: string;
  /** Stops waiting for the outcome when aborted. The command itself is not withdrawn. */
  readonly signal?: AbortSignal;
  /** Called for each phase once, in order, starting with `requested`. */
  onPhase?(phase: CommandPhase, command: OperationCommand): void;
  /**
   * Called when the producer has acknowledged the command. Its outcome (done, refused or timed out) follows.
   */
  onAcknowledged?(command: OperationCommand): void;
}

/** Options of a message to an operation. */
export interface InputOptions {
  /** Idempotency key: requests with the same key send one message. Generated when absent. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/**
 * One operation: its live state, its commands, and messages to it.
 *
 * `subscribe` and `getSnapshot` fit `useSyncExternalStore`: the view keeps its identity until it changes. The
 * view is live while it has subscribers; without any, `state` is the last known one.
 */
export interface OperationHandle<State extends AnyOperationState = OperationState> {
  readonly id: string;
  /** Last known state. Its `kind` selects the types of input and result if a contract names them. */
  readonly state: State | undefined;
  readonly view: OperationView<State>;
  getSnapshot(): OperationView<State>;
  /**
   * Calls `listener` after each change: once for changes that arrive together, and never inside the call.
   * Returns a function that removes it.
   */
  subscribe(listener: () => void): () => void;
  /**
   * Sends the command `cancel`. Resolves when the producer has done it; rejects with {@link CommandError} when
   * it is refused or times out.
   */
  cancel(options?: CommandOptions): Promise<OperationCommand>;
  pause(options?: CommandOptions): Promise<OperationCommand>;
  resume(options?: CommandOptions): Promise<OperationCommand>;
  retry(options?: CommandOptions): Promise<OperationCommand>;
  /**
   * Sends a command of the operation's own; `state.accepts` lists them. Rejects with `invalid_data`, which names the place,
   * if the arguments do not fit, and otherwise as {@link cancel} does.
   */
  command(name: string, options?: CommandOptions): Promise<OperationCommand>;
  /**
   * Sends a message into the running operation. Resolves when the gateway has stored it; `state.inputs` shows what becomes
   * of it. Rejects with `busy` or `rate_limited` if the operation takes none now, and with `not_possible_now` once it has
   * ended.
   */
  input(data: unknown, options?: InputOptions): Promise<SentInput>;
  /**
   * Resolves with the state once the operation is done, failed, cancelled or lost. Rejects when the
   * subscription fails or the signal aborts.
   */
  finished(options?: { readonly signal?: AbortSignal }): Promise<State>;
}

/** View of the list of operations, discriminated by `kind`. */
export type OperationListView =
  | { readonly kind: "loading" }
  | {
      readonly kind: "ready";
      /** Operations, newest first. */
      readonly operations: readonly OperationSummary[];
      readonly stale: boolean;
    }
  | { readonly kind: "error"; readonly error: MilepostError };

/** Operations of this session and of this user, at most the 100 that changed last of each; live while subscribed. */
export interface OperationListHandle {
  readonly view: OperationListView;
  getSnapshot(): OperationListView;
  subscribe(listener: () => void): () => void;
}
