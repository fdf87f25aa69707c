import { createClient } from "@redis/client";
import { slotCount } from "./hash-slot.ts";
import { defaultDeadlines } from "./link-deadlines.ts";
import type { Endpoint, RedisAddress } from "./redis-address.ts";
import { tlsSocketOf } from "./redis-tls.ts";

/** Masters of a cluster, and the slots that each serves. */
export interface ClusterMap {
  /** Masters that serve slots, by `host:port`. */
  readonly masters: ReadonlyMap<string, Endpoint>;
  /** Name (`host:port`) of the master of each slot, by slot number; empty when no master serves the slot. */
  readonly owners: readonly string[];
}

type SlotRange = readonly [
  first: number,
  last: number,
  master: readonly [host: string | null, port: number],
];

/**
 * Returns the cluster's map from the first node that gives one. A node that does not accept the connection, or
 * does not answer, within `deadlineMs` milliseconds (default 3,000) is skipped. Rejects with the last node's
 * error when no node gives a map.
 */
export async function readClusterMap(
  address: RedisAddress,
  endpoints: readonly Endpoint[],
  deadlineMs = defaultDeadlines.mapMs,
): Promise<ClusterMap> {
  const { username, password } = address;
  let reason: unknown = new Error("the address names no node of the cluster");
  for (const { host, port } of endpoints) {
    const client = createClient({
      socket: {
        host,
        port,
        connectTimeout: deadlineMs,
        socketTimeout: deadlineMs,
        reconnectStrategy: false,
        ...tlsSocketOf(address),
      },
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      RESP: 2,
      disableClientInfo: true,
      maintNotifications: "disabled",
    });
    client.on("error", () => {});
    try {
      await client.connect();
      const ranges = (await client.sendCommand(["CLUSTER", "SLOTS"])) as unknown as SlotRange[];
      return mapOf(ranges, host);
    } catch (error) {
      reason = error;
    } finally {
      client.destroy();
    }
  }
  throw reason;
}

function mapOf(ranges: readonly SlotRange[], asked: string): ClusterMap {
  const masters = new Map<string, Endpoint>();
  const owners = new Array<string>(slotCount).fill("");
  for (const [first, last, [host, port]] of ranges) {
    // A node that does not know its own address, or must not announce it, sends no host. The host that was
    // asked is used then.
    const endpoint = { host: host || asked, port };
    const name = `${endpoint.host}:${endpoint.port}`;
    masters.set(name, endpoint);
    owners.fill(name, first, last + 1);
  }
  if (masters.size === 0)
    throw new Error("the cluster serves no slots yet; assign slots to its masters");
  return { masters, owners };
}
