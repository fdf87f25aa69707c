import { ClusterLink } from "./cluster-link.ts";
import { parseRedisAddress, type RedisAddress, shownAddress } from "./redis-address.ts";
import type { RedisLink } from "./redis-link.ts";
import { locateMaster } from "./sentinels.ts";
import { ServerLink } from "./server-link.ts";

/** Where Redis is. */
export interface RedisOptions {
  /**
   * `redis://[user:password@]host[:port][/database]`, or `redis+sentinel://[user:password@]host,host,…/master`,
   * or `redis+cluster://[user:password@]host,host,…`; `rediss` for TLS.
   */
  readonly url: string;
  /** Told when a connection breaks or cannot be made again; without it nobody is. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Connects to Redis.
 *
 * Rejects with one line that says what is wrong (the address, not reachable, the password) and never names the
 * password. Connected once, it reconnects by itself.
 */
export async function connectRedis({ url, onError = () => {} }: RedisOptions): Promise<RedisLink> {
  const address = parseRedisAddress(url);
  try {
    if (address.kind === "cluster") return await ClusterLink.open(address, onError);
    return await ServerLink.open({ address, locate: locatorOf(address), onError });
  } catch (error) {
    throw whereAndWhy(address, error);
  }
}

/** One line that says what is wrong with an address. */
export function whereAndWhy(address: RedisAddress, error: unknown): Error {
  return new Error(`${shownAddress(address)}: ${reasonOf(error)}`, { cause: error });
}

export function locatorOf(address: RedisAddress) {
  const [endpoint] = address.endpoints;
  if (address.kind === "sentinel") return () => locateMaster(address);
  if (address.kind === "cluster") throw new Error("a cluster has no one place to be found at");
  if (endpoint === undefined) throw new Error("the address of Redis names no host");
  return async () => endpoint;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with one error for each, and no message.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  return error.message;
}
