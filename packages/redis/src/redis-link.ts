import type { Script } from "./script.ts";

/** Takes what a pub/sub channel carries. */
export type BusMessageListener = (message: string, busChannel: string) => void;

/**
 * A connection to Redis, whatever stands behind it: one server, a Sentinel set or a cluster.
 *
 * Calls are sent in the order they are made and rejected with `store_unavailable` when they fail; nothing is
 * known then about whether Redis ran them.
 */
export interface RedisLink {
  /** Runs a script; `keys` are all of one hash tag. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Deletes keys of one hash tag. */
  remove(keys: readonly string[]): Promise<void>;
  subscribe(busChannels: readonly string[], listener: BusMessageListener): Promise<void>;
  unsubscribe(busChannels: readonly string[]): Promise<void>;
  /** What publishes so that `subscribe` hears it. */
  readonly publishCommand: "PUBLISH" | "SPUBLISH";
  /** Redis' time in milliseconds since 1970, as read when it was connected, moved on since. */
  now(): number;
  close(): Promise<void>;
}
