import { createClient } from "@redis/client";
import type { Endpoint, RedisAddress } from "./redis-address.ts";
import { isRefusal, RedisRefusal } from "./redis-refusal.ts";
import { tlsSocketOf } from "./redis-tls.ts";

const answerMs = 2_000;

/**
 * Asks the Sentinels one after the other where the master is, and returns the first answer. The caller must ask
 * the server itself whether it is a master: a Sentinel may not have noticed a failover yet.
 */
export async function locateMaster(address: RedisAddress): Promise<Endpoint> {
  const reasons: string[] = [];
  let refusals = 0;
  for (const endpoint of shuffled(address.endpoints)) {
    const client = createClient({
      socket: {
        host: endpoint.host,
        port: endpoint.port,
        connectTimeout: answerMs,
        reconnectStrategy: false,
        ...tlsSocketOf(address),
      },
      RESP: 2,
      commandOptions: { timeout: answerMs },
      disableClientInfo: true,
      maintNotifications: "disabled",
    });
    client.on("error", () => {});
    try {
      await client.connect();
      const found = (await client.sendCommand([
        "SENTINEL",
        "GET-MASTER-ADDR-BY-NAME",
        address.master ?? "",
      ])) as unknown as [string, string] | null;
      if (found !== null) return { host: found[0], port: Number(found[1]) };
      refusals++;
      reasons.push(`${endpoint.host}:${endpoint.port} knows no master ${address.master}`);
    } catch (error) {
      if (isRefusal(error)) refusals++;
      reasons.push(
        `${endpoint.host}:${endpoint.port} ${error instanceof Error ? error.message : error}`,
      );
    } finally {
      if (client.isOpen) client.destroy();
    }
  }
  const message = `no Sentinel could name the master: ${reasons.join("; ")}`;
  // A Sentinel that is absent may know the master.
  throw refusals === reasons.length ? new RedisRefusal(message) : new Error(message);
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
