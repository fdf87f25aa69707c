import { createHmac } from "node:crypto";
import type { TransportName } from "@milepost/client";
import { describe, expect, test } from "vitest";
import { doorsWorld } from "./fixtures/doors-world.ts";
import { watch } from "./fixtures/sdk-ways.ts";

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

/** Returns a token that is valid from `inSeconds` seconds on; signed by hand, as other issuers do. */
function tokenIn(inSeconds: number): string {
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const nbf = Math.floor(Date.now() / 1000) + inSeconds;
  const channels = { subscribe: ["room:*"] };
  const claims = { sub: "7", sid: "s1", channels, nbf, exp: nbf + 600 };
  const signed = `${encoded({ alg: "HS256" })}.${encoded(claims)}`;
  return `${signed}.${createHmac("sha256", "s".repeat(48)).update(signed).digest("base64url")}`;
}

test("[P-CON-12] a client connects over each transport once its token has begun", async () => {
  await using at = await doorsWorld();
  await Promise.all(
    (["websocket", "sse", "poll"] as const).map(async (transport) => {
      const token = tokenIn(8);
      let calls = 0;
      const client = at.client({
        transports: [transport],
        token: () => {
          calls++;
          return token;
        },
      });
      const { ready } = watch(client.channel("room:a"), 1);
      await ready;
      expect([transport, calls]).toEqual([transport, 2]);
    }),
  );
});

describe.each<TransportName>(["websocket", "sse"])("tokens over %s", (transport) => {
  test.each([
    ["that the gateway does not know", () => "nonsense"],
    ["of another user", (mint: (content: object) => Promise<string>) => mint({ user: "8" })],
  ])("[P-CON-8] a renewal with a token %s leaves the connection as it is", async (_, other) => {
    await using at = await doorsWorld();
    const errors: unknown[] = [];
    let calls = 0;
    const client = at.client({
      transports: [transport],
      // The gateway announces the end of this token after half of its life.
      token: () =>
        ++calls === 2 ? other((content) => at.token(content)) : at.token({ ttlMs: 4_000 }),
      onError: (error) => errors.push(error),
    });
    const states: string[] = [];
    client.onState(({ state }) => states.push(state));
    const { seen, told, done, ready } = watch(client.channel("room:a"), 3);
    await ready;
    await at.gateway.publish("room:a", "tick", 1);
    while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([
      expect.objectContaining({ code: expect.stringMatching(/unauthenticated|forbidden/) }),
    ]);
    expect(states).toEqual(["connecting", "connected"]);
    // The old token still authorises what the client sends.
    await client.channel("room:b").publish("tick", 1);
    await at.gateway.publish("room:a", "tick", 2);
    // The old token ends, and a third one follows.
    while (calls < 3) await new Promise((resolve) => setImmediate(resolve));
    await at.gateway.publish("room:a", "tick", 3);
    await done;
    expect([seen, told]).toEqual([upTo(3), []]);
  });

  test("[P-CON-8] what a client sends after a renewal carries the new token", async () => {
    await using at = await doorsWorld();
    let calls = 0;
    const client = at.client({
      transports: [transport],
      token: () => at.token({ ttlMs: ++calls === 1 ? 2_000 : 60_000 }),
    });
    const states: string[] = [];
    client.onState(({ state }) => states.push(state));
    client.connect();
    while (calls < 2) await new Promise((resolve) => setImmediate(resolve));
    const end = performance.now() + 2_500;
    while (performance.now() < end) await client.channel("room:a").publish("tick", 1);
    expect(states).toEqual(["connecting", "connected"]);
  });
});
