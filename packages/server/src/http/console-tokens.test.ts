import { describe, expect, it } from "vitest";
import { hashOfApiKey } from "../auth/api-keys.ts";
import { startGateway, tokenSecret } from "../testing/test-gateway.ts";

const adminKey = "key-of-an-administrator";
const admin = { name: "admin", key: adminKey, scopes: ["console", "connections"] };
const publisher = { name: "publisher", key: "key-of-a-publisher", scopes: ["publish"] };
const sdk = { subprotocols: ["milepost.v1.json"] };

function logOf() {
  const lines: Record<string, unknown>[] = [];
  const log = {
    info: (fields: Record<string, unknown>) => void lines.push(fields),
    warn() {},
    error() {},
  };
  return { log, audits: () => lines.filter(({ event }) => event === "audit") };
}

async function exchange(server: Awaited<ReturnType<typeof startGateway>>, credential = adminKey) {
  return server.call("POST", "/v1/console/tokens", { credential });
}

describe("console tokens", () => {
  it("[P-CONS-1] an API key with the scope console is exchanged for a token of 15 minutes with the name and the scopes of the key", async () => {
    await using server = await startGateway({ auth: { apiKeys: [admin, publisher] } });
    const before = Date.now();
    const { status, body, headers } = await exchange(server);
    expect(status).toBe(201);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body).toMatchObject({ name: "admin", token: expect.stringMatching(/^mpconsole\./) });
    expect(body.expires_at - before).toBeGreaterThanOrEqual(15 * 60_000);
    expect(body.expires_at - Date.now()).toBeLessThanOrEqual(15 * 60_000);
    expect(body.token).not.toContain(adminKey);
    const list = await server.call("GET", "/v1/nodes", { credential: body.token });
    expect(list.status).toBe(200);
    const publish = await server.call("POST", "/v1/publish", {
      credential: body.token,
      body: { channel: "chat:1", event: "e", data: 1 },
    });
    expect(publish.body.code).toBe("forbidden");
    expect((await exchange(server, publisher.key)).body.code).toBe("forbidden");
    const user = await server.call("POST", "/v1/console/tokens", {
      credential: await server.token(),
    });
    expect(user.body.code).toBe("forbidden");
    expect((await exchange(server, "an-unknown-key-of-nobody")).status).toBe(401);
  });

  it("[P-CONS-2] WebSockets and streams accept the token in a header or as a subprotocol, and never in a URL", async () => {
    await using server = await startGateway({ auth: { apiKeys: [admin] } });
    const { token } = (await exchange(server)).body;
    const inHeader = await server.socket("/ws", { token, ...sdk });
    expect((await inHeader.nextOf("welcome")).expires_at).toEqual(expect.any(Number));
    const offered = await server.socket("/ws", {
      token: null,
      subprotocols: ["milepost.v1.json", `milepost.token.${token}`],
    });
    expect((await offered.nextOf("welcome")).user_id).toBeNull();
    const inUrl = await server.socket(`/ws?token=${token}`, { token: null, ...sdk });
    expect((await inUrl.closed).code).toBe(4401);
    for (const path of ["/v1/sse", "/v1/poll", "/v1/nodes"]) {
      const answer = await server.call("GET", `${path}?token=${token}`, { credential: null });
      expect([path, answer.status]).toEqual([path, 401]);
    }
    // The key itself is not accepted as a subprotocol either.
    const key = await server.socket("/ws", {
      token: null,
      subprotocols: ["milepost.v1.json", `milepost.token.${adminKey}`],
    });
    expect((await key.closed).code).toBe(4401);
  });

  it("[P-CONS-3] a token holds at every node with the same secrets, and ends when its key is removed or rotated out", async () => {
    await using one = await startGateway({ auth: { apiKeys: [admin] } });
    const { token } = (await exchange(one)).body;
    const nodes = async (apiKeys: (typeof admin)[], secret = tokenSecret) => {
      await using server = await startGateway({ auth: { tokenSecret: secret, apiKeys } });
      return (await server.call("GET", "/v1/nodes", { credential: token })).status;
    };
    expect(await nodes([admin])).toBe(200);
    expect(await nodes([])).toBe(401);
    expect(await nodes([{ ...admin, key: "the-successor-of-the-key" }])).toBe(401);
    expect(await nodes([admin], "another secret of a gateway, just as long")).toBe(401);
    // The scopes are those that the key has now.
    expect(await nodes([{ ...admin, scopes: ["console"] }])).toBe(403);
  });

  it("[P-CONS-3] a key that is configured by its hash is exchanged too, and its hash alone makes no token", async () => {
    const { key: _, ...hashed } = { ...admin, hash: hashOfApiKey(adminKey) };
    await using server = await startGateway({ auth: { apiKeys: [hashed] } });
    const { token } = (await exchange(server)).body;
    expect((await server.call("GET", "/v1/nodes", { credential: token })).status).toBe(200);
    const parts = token.split(".");
    const forged = [
      [...parts.slice(0, 3), (Date.now() + 9e9).toString(36), ...parts.slice(4)].join("."),
      [...parts.slice(0, 2), Date.now().toString(36), ...parts.slice(3)].join("."),
      token.slice(0, -1) + (token.endsWith("A") ? "B" : "A"),
      `${token}A`,
      "mpconsole.",
      "mpconsole.a.b.c.d.e",
    ];
    for (const credential of forged) {
      const answer = await server.call("GET", "/v1/nodes", { credential });
      expect([credential, answer.status]).toEqual([credential, 401]);
    }
  });

  it("[P-CONS-5] each administrative request writes an audit line: who, what, to whom, with which credential, and how it ended", async () => {
    const { log, audits } = logOf();
    await using server = await startGateway({ log, auth: { apiKeys: [admin, publisher] } });
    const { token } = (await exchange(server)).body;
    await server.call("POST", "/v1/disconnect", { credential: token, body: { user: "7" } });
    await server.call("DELETE", "/v1/connections/c1", { credential: publisher.key });
    await server.call("GET", "/v1/nodes", { credential: token });
    expect(audits()).toEqual([
      {
        event: "audit",
        action: "console.sign_in",
        who: "admin",
        credential: "api_key",
        target: {},
        outcome: "done",
      },
      {
        event: "audit",
        action: "connections.disconnect",
        who: "admin",
        credential: "console_token",
        target: { user: "7" },
        outcome: "done",
      },
      {
        event: "audit",
        action: "connections.disconnect",
        who: "publisher",
        credential: "api_key",
        target: { id: "c1" },
        outcome: "forbidden",
      },
    ]);
    const path = `/v1/dead-letters?channel=a&token=${token}&ticket=${token}`;
    await server.call("DELETE", path, { credential: token });
    expect(audits().at(-1)).toMatchObject({ target: { channel: "a" } });
    expect(JSON.stringify(audits())).not.toContain(token);
    // Repetitions are no noise here: each is somebody's deed.
    for (let i = 0; i < 12; i++) {
      await server.call("POST", "/v1/disconnect", { credential: token, body: { user: "8" } });
    }
    expect(audits()).toHaveLength(16);
  });
});
