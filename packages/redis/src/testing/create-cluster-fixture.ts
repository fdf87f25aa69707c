import { createCluster, defineScript } from "@redis/client";
import { expect, vi } from "vitest";
import { hashSlot } from "../hash-slot.ts";
import type { RedisCluster } from "./redis-cluster.ts";

/** Timeout and polling interval of every wait for an event, in milliseconds. */
export const patience = { timeout: 10_000, interval: 20 };
/** Time without data after which the library may give up a connection, in milliseconds. */
export const socketTimeoutMs = 1_000;
/** Maximum number of commands in the library's queue for one master. */
export const maxQueued = 1_000;

const noTimeout = { timeout: undefined as unknown as number };

type ClusterOptions = NonNullable<Parameters<typeof createCluster>[0]>;
type NodeOptions = NonNullable<ClusterOptions["defaults"]>;

/** Appends one value to two lists. */
const pushBoth = defineScript({
  SCRIPT: "redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('RPUSH', KEYS[2], ARGV[1])",
  NUMBER_OF_KEYS: 2,
  parseCommand: (parser, first: string, second: string, value: string) => {
    parser.pushKey(first);
    parser.pushKey(second);
    parser.push(value);
  },
  transformReply: (reply: unknown) => Number(reply),
});

/**
 * Opens the cluster client of @redis/client. Its options make it detect a lost master and read the map again as
 * soon as possible.
 */
export async function openLibrary(
  redis: RedisCluster,
  options: Partial<ClusterOptions> = {},
  { socket, ...nodeOptions }: NodeOptions = {},
) {
  const cluster = createCluster({
    rootNodes: redis.servers.slice(0, 3).map(({ adminUrl }) => ({ url: adminUrl })),
    commandOptions: noTimeout,
    topologyRefreshOnReconnectionAttemptStrategy: 200,
    scripts: { pushBoth },
    ...options,
    defaults: {
      socket: {
        connectTimeout: socketTimeoutMs,
        socketTimeout: socketTimeoutMs,
        reconnectStrategy: (retries: number) => Math.min(500, 50 * 2 ** retries),
        ...socket,
      } as NonNullable<NodeOptions["socket"]>,
      pingInterval: 300,
      commandsQueueMaxLength: maxQueued,
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: "disabled",
      ...nodeOptions,
    },
  });
  /** Errors that the library has reported. */
  const faults: string[] = [];
  cluster.on("error", (error) => faults.push(String(error)));
  cluster.on("node-error", (error) => faults.push(String(error)));
  cluster.on("sharded-channel-moved-error", (error) => faults.push(String(error)));
  await cluster.connect();
  return Object.assign(cluster, {
    faults,
    [Symbol.asyncDispose]: async () => cluster.destroy(),
  });
}

/** Makes calls of one kind, and counts the calls made, the calls that succeeded and the errors. */
export class Calls {
  made = 0;
  stored = 0;
  readonly errors: unknown[] = [];
  readonly #make: () => Promise<unknown>;

  constructor(make: () => Promise<unknown>) {
    this.#make = make;
  }

  call(): void {
    this.made++;
    this.#make().then(
      () => this.stored++,
      (error) => this.errors.push(error),
    );
  }
}

/** Returns the option that makes the library connect to one server through another port. */
export function through(redis: RedisCluster, server: number, port: number) {
  return {
    nodeAddressMap: { [`127.0.0.1:${portOf(redis, server)}`]: { host: "127.0.0.1", port } },
  };
}

let keys = 0;

/** Returns a new key on every call, in a slot that the given server owns. */
export async function keyAt(redis: RedisCluster, server: number): Promise<string> {
  for (;;) {
    const key = `{job:${++keys}}`;
    if ((await ownerOf(redis, key, 1)) === portOf(redis, server)) return key;
  }
}

/** Returns the port of the master that owns a key's slot, according to the server `asked`. */
export async function ownerOf(redis: RedisCluster, key: string, asked: number): Promise<number> {
  const slot = hashSlot(key);
  const owner = (await slotRanges(redis, asked)).find(
    ([first, last]) => first <= slot && slot <= last,
  );
  return owner?.[2][1] ?? 0;
}

/** Gives a key's slot to another master without moving keys. Resolves once all masters know the new owner. */
export async function moveSlot(
  redis: RedisCluster,
  key: string,
  from: number,
  to: number,
): Promise<void> {
  const owner = await idOf(redis, to);
  for (const server of [to, from]) {
    await redis.command(server, "CLUSTER", "SETSLOT", String(hashSlot(key)), "NODE", owner);
  }
  await vi.waitFor(async () => {
    for (const asked of [0, 1, 2]) {
      expect(await ownerOf(redis, key, asked)).toBe(portOf(redis, to));
    }
  }, patience);
}

/** Promotes a replica in the place of its master. Resolves once all servers know the new master. */
export async function failOver(redis: RedisCluster, from: number, to: number): Promise<void> {
  await isReplica(redis, to);
  await redis.command(to, "CLUSTER", "FAILOVER");
  await vi.waitFor(async () => {
    for (const asked of [0, 1, 2, 3]) {
      const ports = (await slotRanges(redis, asked)).map(([, , [, port]]) => port);
      expect(ports).not.toContain(portOf(redis, from));
    }
  }, patience);
}

/** Resolves once a server is a replica that is in sync with its master. */
export async function isReplica(redis: RedisCluster, server: number): Promise<void> {
  await vi.waitFor(async () => {
    const info = String(await redis.command(server, "INFO", "replication"));
    expect(info).toContain("master_link_status:up");
  }, patience);
}

/** Returns the number of connections that are subscribed to a channel at one server. */
export async function subscribersAt(
  redis: RedisCluster,
  server: number,
  channel: string,
): Promise<number> {
  const [, count] = (await redis.command(
    server,
    ...["PUBSUB", "SHARDNUMSUB", channel],
  )) as unknown[];
  return Number(count);
}

/** Returns the id of a server in its cluster. */
export async function idOf(redis: RedisCluster, server: number): Promise<string> {
  return String(await redis.command(server, "CLUSTER", "MYID"));
}

export function portOf(redis: RedisCluster, server: number): number {
  const port = redis.servers[server]?.port;
  if (port === undefined) throw new Error(`there is no server ${server}`);
  return port;
}

async function slotRanges(redis: RedisCluster, asked: number) {
  const ranges = await redis.command(asked, "CLUSTER", "SLOTS");
  return ranges as [first: number, last: number, master: [host: string, port: number]][];
}
