import type { StoreWatch } from "@milepost/engine";
import type { Script } from "./script.ts";

/** Takes what a pub/sub channel carries. */
export type BusMessageListener = (message: string, busChannel: string) => void;

/** What a link tells its engine. */
export interface LinkListener {
  readonly onMessage: BusMessageListener;
  /** Pub/sub was cut for a while and is whole again: something may have been lost. */
  readonly onDisrupted: () => void;
}

/**
 * The way to Redis, whatever stands behind it: one server, a Sentinel set or a cluster.
 *
 * Calls are sent in the order they are made, and rejected with `store_unavailable` when they fail or there is no
 * connection; of one that failed nobody knows whether Redis has run it. What was subscribed to stays so over
 * reconnects.
 */
export interface RedisLink {
  /** Sets the one listener; before anything is subscribed to. */
  listen(listener: LinkListener): void;
  /** Runs a script; `keys` are all of one hash tag. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Deletes keys of one hash tag. */
  remove(keys: readonly string[]): Promise<void>;
  /** Resolves when Redis has them all; rejected, none of them is subscribed to. */
  subscribe(busChannels: readonly string[]): Promise<void>;
  unsubscribe(busChannels: readonly string[]): Promise<void>;
  /** What publishes so that `subscribe` hears it. */
  readonly publishCommand: "PUBLISH" | "SPUBLISH";
  /** Redis' time in milliseconds since 1970, as last read, moved on since. */
  now(): number;
  /** Whether calls are answered and what is published comes back. */
  readonly watch: StoreWatch;
  /** Since when there is no connection that works, in milliseconds of `performance.now()`; undefined while there is one. */
  readonly downSince: number | undefined;
  close(): Promise<void>;
}
