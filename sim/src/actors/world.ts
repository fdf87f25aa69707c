import type { Beginning } from "@milepost/checker/recording";
import type { ClusterNode } from "../cluster-node.ts";
import type { Journal } from "../journal.ts";
import type { VirtualTime } from "../virtual-time.ts";

/** Environment of every actor. */
export interface World {
  readonly seed: number;
  readonly time: VirtualTime;
  readonly journal: Journal;
  readonly nodes: readonly ClusterNode[];
  /** Channels that new credentials of a user do not allow, by user. */
  readonly denied: ReadonlyMap<string, ReadonlySet<string>>;
  /** Returns a new credential of a user. */
  token(user: string): string;
  /** Records an exception that the product must not throw; a correct run has none. */
  onDefect(error: unknown): void;
}

/** Actor that reads channels. */
export interface Reading extends Attached {
  subscribe(channel: string, since: Beginning, events?: readonly string[]): void;
  unsubscribe(channel: string): void;
  publish(channel: string, count: number, bytes: number): void;
}

/** Actor whose connection can fail. */
export interface Attached {
  readonly name: string;
  /** Ends the process and starts it again with what it had stored. */
  restart(): void;
  drop(): void;
  silence(): void;
  stall(): void;
  resume(): void;
  /** Ends every fault of the actor's connection. */
  heal(): void;
  /** Closes the actor in an orderly way. */
  close(): Promise<void>;
  /** Number of timers that are still pending. */
  readonly timers: number;
}

/** Returns the data of a publication: a number that makes it unique, and text of the given size. */
export function payload(n: number, bytes: number): unknown {
  return bytes === 0 ? { n } : { n, text: "x".repeat(bytes) };
}

/** Event names that publications carry. */
export const eventNames = ["a", "b", "c"] as const;
