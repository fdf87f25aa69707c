import type {
  CommandPhase,
  OperationCommand,
  OperationState,
  OperationSummary,
} from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";
import type { ChannelGap } from "../channel/channel.ts";

/** The state of an operation, whatever a contract says of its kind, input and result. */
type AnyOperationState = Omit<OperationState, "kind" | "input" | "result"> & {
  readonly kind: string;
  readonly input?: unknown;
  readonly result?: unknown;
};

/** Entries of an operation that were not received one by one. */
export interface MissedEntries {
  readonly reason: ChannelGap["reason"];
  /** Whether the service gave the state anew, so that it holds what they brought; else it may lack that. */
  readonly replaced: boolean;
}

/** What is known of an operation; `kind` discriminates. */
export type OperationView<State extends AnyOperationState = OperationState> =
  /** Nothing yet. */
  | { readonly kind: "loading" }
  /** `stale` while no live subscription backs it: it was so, it may be otherwise by now. */
  | {
      readonly kind: "ready";
      readonly state: State;
      readonly stale: boolean;
      /** The last time entries were not received one by one; absent when all were. */
      readonly missed?: MissedEntries;
    }
  /** Nothing was ever reported under this id. */
  | { readonly kind: "missing" }
  /** It is somebody else's, or there is none: the service does not tell which. */
  | { readonly kind: "forbidden" }
  | { readonly kind: "error"; readonly error: MilepostError };

/** How to give a command. */
export interface CommandOptions {
  readonly args?: unknown;
  /** The same key is the same command; made up when absent. */
  readonly key?: string;
  /** Stops waiting for the outcome. The command itself is not taken back. */
  readonly signal?: AbortSignal;
  /** Told of each phase once, in order, `requested` first. */
  onPhase?(phase: CommandPhase, command: OperationCommand): void;
  /** The producer has taken the command: it will be done or refused. */
  onAcknowledged?(command: OperationCommand): void;
}

/**
 * One operation: its live state and its commands.
 *
 * `subscribe` and `getSnapshot` fit `useSyncExternalStore`: the view keeps its identity until it
 * changes. It is live while somebody subscribes; without, `state` is the last known.
 */
export interface OperationHandle<State extends AnyOperationState = OperationState> {
  readonly id: string;
  /** The last known state; its `kind` tells the types of input and result where a contract names them. */
  readonly state: State | undefined;
  readonly view: OperationView<State>;
  getSnapshot(): OperationView<State>;
  /** Told after each change, once for many that arrive together, never inside the call. Returns the end of it. */
  subscribe(listener: () => void): () => void;
  /** Resolves when the producer has done it; rejects with {@link CommandError} when it is refused or times out. */
  cancel(options?: CommandOptions): Promise<OperationCommand>;
  pause(options?: CommandOptions): Promise<OperationCommand>;
  resume(options?: CommandOptions): Promise<OperationCommand>;
  retry(options?: CommandOptions): Promise<OperationCommand>;
  /** Resolves with the state once it is done, failed, cancelled or lost; rejects when it cannot be watched. */
  finished(options?: { readonly signal?: AbortSignal }): Promise<State>;
}

/** What is known of the list of operations; `kind` discriminates. */
export type OperationListView =
  | { readonly kind: "loading" }
  | {
      readonly kind: "ready";
      /** Newest first. */
      readonly operations: readonly OperationSummary[];
      readonly stale: boolean;
    }
  | { readonly kind: "error"; readonly error: MilepostError };

/** The operations of this session, or of the user when the credential has no session; live while subscribed. */
export interface OperationListHandle {
  readonly view: OperationListView;
  getSnapshot(): OperationListView;
  subscribe(listener: () => void): () => void;
}
