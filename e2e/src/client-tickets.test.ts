import type { Fetch, TransportName } from "@milepost/client";
import { expect, test } from "vitest";
import { doorsWorld } from "./fixtures/doors-world.ts";
import { watch } from "./fixtures/sdk-ways.ts";

test.each<TransportName>(["websocket", "sse", "poll"])(
  "[P-TICK-6] a client over %s lives by tickets alone: it reads, publishes, and resumes after a loss without one",
  async (transport) => {
    await using at = await doorsWorld();
    const used: string[] = [];
    const ticket = async () => {
      const response = await fetch(`${at.proxy.url}/v1/tickets`, {
        method: "POST",
        headers: { Authorization: `Bearer ${await at.token()}` },
      });
      const issued = (await response.json()) as { ticket: string };
      used.push(issued.ticket);
      return issued.ticket;
    };
    const credentials: (string | undefined)[] = [];
    const calling: Fetch = (url, init) => {
      credentials.push(init.headers.Authorization);
      return globalThis.fetch(url, init);
    };
    const client = at.client({ transports: [transport], token: undefined, ticket, fetch: calling });
    const { seen, told, done, ready } = watch(client.channel("room:a"), 4);
    await ready;
    await client.channel("room:a").publish("tick", 1);
    await at.gateway.publish("room:a", "tick", 2);
    at.proxy.cut();
    await at.gateway.publish("room:a", "tick", 3);
    await client.channel("room:a").publish("tick", 4);
    await done;
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(told).toEqual([]);
    expect(new Set(used).size).toBe(used.length);
    expect(credentials.filter((credential) => credential !== undefined)).toEqual([]);
  },
);
