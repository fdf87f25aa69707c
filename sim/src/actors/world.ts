import type { Beginning } from "@milepost/checker/recording";
import type { ClusterNode } from "../cluster-node.ts";
import type { Journal } from "../journal.ts";
import type { VirtualTime } from "../virtual-time.ts";

/** What every actor lives in. */
export interface World {
  readonly seed: number;
  readonly time: VirtualTime;
  readonly journal: Journal;
  readonly nodes: readonly ClusterNode[];
  /** Channels that new credentials of a user do not allow. */
  readonly denied: ReadonlyMap<string, ReadonlySet<string>>;
  /** A new credential of a user. */
  token(user: string): string;
  /** Something a simulation must not see: an exception of the product outside of its contract. */
  onDefect(error: unknown): void;
}

/** Somebody who reads channels. */
export interface Reading extends Attached {
  subscribe(channel: string, since: Beginning, events?: readonly string[]): void;
  unsubscribe(channel: string): void;
  publish(channel: string, count: number, bytes: number): void;
}

/** Somebody with a connection that can be cut off. */
export interface Attached {
  readonly name: string;
  /** The process ends and comes back with what it had stored. */
  restart(): void;
  drop(): void;
  silence(): void;
  stall(): void;
  resume(): void;
  /** The network is well again. */
  heal(): void;
  /** Ends it in an orderly way. */
  close(): Promise<void>;
  /** Timers that are left. */
  readonly timers: number;
}

/** Data of a publication: a number that makes it its own, and some weight. */
export function payload(n: number, bytes: number): unknown {
  return bytes === 0 ? { n } : { n, text: "x".repeat(bytes) };
}

/** The events that publications carry. */
export const eventNames = ["a", "b", "c"] as const;
