import type { OperationSummary } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";

/** Part of a tree of operations. */
export interface TreePart {
  readonly operation: OperationSummary;
  /** True while its own parts are shown. */
  readonly isOpen: boolean;
  /** Its parts, oldest first; empty until they are shown and have arrived. */
  readonly parts: readonly TreePart[];
  /** Number of its parts that are not shown: those beyond the bound. */
  readonly hidden: number;
}

/**
 * Parts of an operation. `loading`: the gateway has not answered yet. `live`: the parts are current. `stale`: there is no
 * connection, or the gateway could not answer, so they are the last known ones. `failed`: `error` says why.
 */
export interface TreeView {
  readonly status: "loading" | "live" | "stale" | "failed";
  readonly parts: readonly TreePart[];
  readonly hidden: number;
  readonly error: MilepostError | undefined;
}

/**
 * Tree below one operation. It reads the parts of what is open, and again when the operation's state says that they have
 * changed, at most once a second. At most 50 operations are open at once.
 */
export interface TreeHandle {
  readonly id: string;
  getSnapshot(): TreeView;
  subscribe(listener: () => void): () => void;
  /** Shows the parts of an operation of the tree. */
  open(id: string): void;
  /** Hides them, and everything below. */
  close(id: string): void;
  /** Shows up to 1,000 parts of an operation in place of 100. Without an id, those of the tree's own operation. */
  showAll(id?: string): void;
}
