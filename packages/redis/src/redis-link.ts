import type { StoreMemory, StoreWatch } from "@milepost/engine";
import type { Script } from "./script.ts";

/** Receives the messages of subscribed pub/sub channels. */
export type BusMessageListener = (message: string, busChannel: string) => void;

/** Events that a link reports to its engine. */
export interface LinkListener {
  readonly onMessage: BusMessageListener;
  /** Called when pub/sub works again after an interruption, in which messages may have been lost. */
  readonly onDisrupted: () => void;
}

/**
 * Link to Redis, whether it is one server, a Sentinel set or a cluster.
 *
 * Calls are sent in the order they are made. They reject with `store_unavailable` when they fail or there is no
 * connection. Of a call that failed it is unknown whether Redis has run it. Subscriptions survive reconnects.
 */
export interface RedisLink {
  /** Sets the only listener; must be called before anything is subscribed to. */
  listen(listener: LinkListener): void;
  /** Runs a script; all `keys` must have one hash tag. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Deletes keys, which must have one hash tag. */
  remove(keys: readonly string[]): Promise<void>;
  /** Resolves once Redis has all subscriptions. If it rejects, the link is subscribed to none of them. */
  subscribe(busChannels: readonly string[]): Promise<void>;
  unsubscribe(busChannels: readonly string[]): Promise<void>;
  /** Resolves with the memory of the fullest server, as its INFO reports it. */
  memory(): Promise<StoreMemory>;
  /**
   * Redis command to publish with, so that messages reach subscribers of this link: `SPUBLISH` on a cluster,
   * otherwise `PUBLISH`.
   */
  readonly publishCommand: "PUBLISH" | "SPUBLISH";
  /**
   * Returns Redis' time in milliseconds since 1970, extrapolated from the last reading; undefined until the link has
   * been connected once.
   */
  now(): number | undefined;
  /** Health of the link: whether calls are answered and published messages come back. */
  readonly watch: StoreWatch;
  /**
   * Time since which there is no working connection, in milliseconds of `performance.now()`; undefined while
   * there is one.
   */
  readonly downSince: number | undefined;
  close(): Promise<void>;
}
