import { type Client, type ConnectionState, createClient } from "@milepost/client";
import { lastingKeys, startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Served, secrets, serveGateway } from "./fixtures/served.ts";

const channels = { subscribe: ["room:*"], publish: [] };

/** Returns a client of a user at one gateway. */
function clientAt({ url }: Served, user: string): Client {
  const token = () => createTokens(secrets.tokenSecret, Date).mint({ user, channels });
  return createClient({ url: `${url.replace("http", "ws")}/ws`, token, webSocket: WebSocket });
}

/** Resolves once the client reaches a state. */
function comesTo<Name extends ConnectionState["state"]>(client: Client, name: Name) {
  return new Promise<Extract<ConnectionState, { state: Name }>>((resolve) => {
    const stop = client.onState((state) => {
      if (state.state !== name) return;
      queueMicrotask(() => stop());
      resolve(state as Extract<ConnectionState, { state: Name }>);
    });
  });
}

async function post({ url }: Served, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secrets.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
  return response.status === 204 ? undefined : response.json();
}

test("[C8] [P-CONN-2] [P-CONN-3] [P-CONN-5] one node notifies, moves, disconnects and revokes clients of another node", async () => {
  await using redis = await startRedis();
  await using here = await serveGateway("--redis", redis.url);
  await using there = await serveGateway("--redis", redis.url);
  await using ada = clientAt(there, "ada");
  await using bob = clientAt(there, "bob");
  const told = new Promise((resolve) => {
    ada.channel("user:ada").subscribe({ onEvent: ({ data }) => resolve(data) });
  });
  bob.channel("room:1").subscribe({});
  await Promise.all([ada, bob].map((client) => comesTo(client, "connected")));
  await post(here, "/v1/users/ada/notifications", { message: "Your report is ready" });
  expect(await told).toMatchObject({ message: "Your report is ready" });

  const left = comesTo(ada, "reconnecting");
  expect(
    await post(here, "/v1/move", { user: "ada", reconnect: { min_ms: 0, max_ms: 100 } }),
  ).toEqual({ connections: 1 });
  await left;
  await comesTo(ada, "connected");

  const ended = comesTo(ada, "closed");
  expect(await post(here, "/v1/disconnect", { user: "ada", reason: "bye" })).toEqual({
    connections: 1,
  });
  await ended;

  const revoked = comesTo(bob, "reconnecting");
  await post(here, "/v1/revoke", { user: "bob" });
  expect(await revoked).toMatchObject({ reason: "token_revoked" });
  expect(await lastingKeys([redis.port], "milepost")).toEqual([]);
});
