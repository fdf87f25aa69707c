import { ClusterLink } from "./cluster-link.ts";
import { defaultDeadlines } from "./link-deadlines.ts";
import { parseRedisAddress, type RedisAddress, shownAddress } from "./redis-address.ts";
import type { RedisLink } from "./redis-link.ts";
import type { RedisTls } from "./redis-tls.ts";
import { locateMaster } from "./sentinels.ts";
import { ServerLink } from "./server-link.ts";

/** Options of {@link connectRedis}. */
export interface RedisOptions {
  /**
   * Address of Redis: `redis://[user:password@]host[:port][/database]`, or
   * `redis+sentinel://[user:password@]host,host,…/master`, or `redis+cluster://[user:password@]host,host,…`;
   * `rediss` for TLS.
   */
  readonly url: string;
  /** Certificates of connections over TLS. */
  readonly tls?: RedisTls;
  /**
   * First part of the names of the link's own key and pub/sub channel, by which it notices that Redis works; default
   * `milepost`. It should be the prefix of the engine.
   */
  readonly prefix?: string;
  /**
   * Called with the reason when a connection breaks or a reconnect fails. By default such errors are ignored.
   */
  readonly onError?: (error: unknown) => void;
  /**
   * Makes `connectRedis` resolve with a link that is not connected yet when Redis is absent; the link then connects as
   * soon as Redis comes. Called with a one-line error if Redis comes and refuses the link, as for a wrong password,
   * before it has ever been connected. Default: an absent Redis is an error.
   */
  readonly onRefused?: (error: Error) => void;
}

/**
 * Connects to Redis. The link reconnects automatically from then on. With `onRefused`, a Redis that is absent at first
 * does not matter.
 *
 * Rejects with a one-line error that says what is wrong (a wrong address, an unreachable server, a wrong
 * password) and never contains the password.
 */
export async function connectRedis(options: RedisOptions): Promise<RedisLink> {
  const { url, tls, prefix = "milepost", onError = () => {}, onRefused } = options;
  const address = parseRedisAddress(url, tls);
  const waits =
    onRefused === undefined
      ? {}
      : { onRefused: (error: unknown) => onRefused(whereAndWhy(address, error)) };
  try {
    if (address.kind === "cluster") {
      return await ClusterLink.open(address, onError, defaultDeadlines, prefix, waits.onRefused);
    }
    return await ServerLink.open({
      address,
      locate: locatorOf(address),
      prefix,
      onError,
      ...waits,
    });
  } catch (error) {
    throw whereAndWhy(address, error);
  }
}

/** Returns an error whose one-line message names the address, without its credential, and the reason. */
export function whereAndWhy(address: RedisAddress, error: unknown): Error {
  return new Error(`${shownAddress(address)}: ${reasonOf(error)}`, { cause: error });
}

export function locatorOf(address: RedisAddress) {
  const [endpoint] = address.endpoints;
  if (address.kind === "sentinel") return () => locateMaster(address);
  if (address.kind === "cluster")
    throw new Error(
      "a cluster has several masters; use the address of one server or of a Sentinel set",
    );
  if (endpoint === undefined)
    throw new Error("the address of Redis names no host; write redis://host:6379");
  return async () => endpoint;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Connecting to a host with several addresses fails with one error per address, combined in an AggregateError
  // without a message.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  // OpenSSL ends its messages with a line break.
  return error.message.trim();
}
