import { readClusterMap } from "./cluster-map.ts";
import { locatorOf, whereAndWhy } from "./connect-redis.ts";
import { type Endpoint, parseRedisAddress, type RedisAddress } from "./redis-address.ts";
import { clientOf } from "./server-connection.ts";

/** What one Redis server says of itself. */
export interface InspectedRedis {
  /** `host:port`. */
  readonly server: string;
  readonly version: string;
  /** What it is set to that weakens a promise, and what to set instead. */
  readonly warnings: readonly string[];
}

/**
 * Asks the server that an address leads to, or each master of a cluster, what it is set to. Rejects with one line that says
 * what is wrong with the address, like `connectRedis`.
 */
export async function inspectRedis(url: string): Promise<readonly InspectedRedis[]> {
  const address = parseRedisAddress(url);
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
    yield "has appendonly off: when it ends, what was acknowledged since its last snapshot is lost; set appendonly yes";
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
