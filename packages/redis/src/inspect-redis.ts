import { readClusterMap } from "./cluster-map.ts";
import { locatorOf, whereAndWhy } from "./connect-redis.ts";
import { type Endpoint, parseRedisAddress, type RedisAddress } from "./redis-address.ts";
import type { RedisTls } from "./redis-tls.ts";
import { clientOf } from "./server-connection.ts";

/** Version and risky settings of one Redis server. */
export interface InspectedRedis {
  /** Address of the server as `host:port`. */
  readonly server: string;
  readonly version: string;
  /** Settings that weaken a guarantee, each with the setting to use instead. */
  readonly warnings: readonly string[];
}

/**
 * Inspects the server that an address leads to, or each master of a cluster. Rejects with one line that says
 * what is wrong with the address, like `connectRedis`.
 */
export async function inspectRedis(
  url: string,
  tls?: RedisTls,
): Promise<readonly InspectedRedis[]> {
  const address = parseRedisAddress(url, tls);
  try {
    return await Promise.all((await mastersOf(address)).map((at) => inspect(address, at)));
  } catch (error) {
    throw whereAndWhy(address, error);
  }
}

async function mastersOf(address: RedisAddress): Promise<readonly Endpoint[]> {
  if (address.kind !== "cluster") return [await locatorOf(address)()];
  const { masters } = await readClusterMap(address, address.endpoints);
  return [...masters.values()];
}

async function inspect(address: RedisAddress, endpoint: Endpoint): Promise<InspectedRedis> {
  const client = clientOf(address, endpoint);
  client.on("error", () => {});
  try {
    await client.connect();
    const info = fieldsOf(String(await client.sendCommand(["INFO"])));
    return {
      server: `${endpoint.host}:${endpoint.port}`,
      version: info.get("redis_version") ?? "unknown",
      warnings: [...warningsOf(info)],
    };
  } finally {
    if (client.isOpen) client.destroy();
  }
}

function* warningsOf(info: ReadonlyMap<string, string>): Generator<string> {
  if (Number.parseFloat(info.get("redis_version") ?? "0") < 6.2) {
    yield "is older than 6.2; use 7";
  }
  if (info.get("aof_enabled") === "0") {
    yield "has appendonly off: if Redis stops, entries acknowledged since its last snapshot are lost; set appendonly yes";
  }
  const policy = info.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    yield `has maxmemory-policy ${policy}: it may delete logs, leases and keys when memory runs out; set noeviction`;
  }
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split("\r\n").flatMap((line) => {
      const at = line.indexOf(":");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}
