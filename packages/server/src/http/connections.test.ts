import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";

describe("/v1/connections", () => {
  it("[P-CONN-1] GET /v1/connections lists connections by exactly one of user, session, connection or node", async () => {
    await using server = await startGateway({ node: "here" });
    const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    const { connection_id } = await socket.nextOf("welcome");
    for (const query of ["user=7", "session=s1", `connection=${connection_id}`, "node=here"]) {
      const { status, body } = await server.call("GET", `/v1/connections?${query}`);
      expect([status, body.connections]).toMatchObject([
        200,
        [{ connection_id, user_id: "7", session_id: "s1", node: "here", consumer: "websocket" }],
      ]);
    }
    expect((await server.call("GET", "/v1/connections?user=8")).body.connections).toEqual([]);
    for (const query of ["", "?user=7&session=s1"]) {
      const wrong = await server.call("GET", `/v1/connections${query}`);
      expect([wrong.status, wrong.body.code]).toEqual([400, "bad_message"]);
    }
    const { body } = await server.call("GET", "/v1/nodes");
    expect(body.nodes).toMatchObject([{ node: "here", connections: 1 }]);
    const health = await server.call("GET", "/ws/health");
    expect(health.body.connections).toMatchObject({ total: 1, local: 1 });
  });

  it("[P-CONN-2] a disconnect closes connections with code 4410 and the given reason", async () => {
    await using server = await startGateway();
    const one = await server.socket();
    const { connection_id } = await one.nextOf("welcome");
    const told = await server.call("POST", "/v1/disconnect", {
      body: { user: "7", reason: "moved out" },
    });
    expect([told.status, told.body]).toEqual([202, { connections: 1 }]);
    expect(await one.closed).toEqual({ code: 4410, reason: "moved out" });
    const gone = await server.call("DELETE", `/v1/connections/${connection_id}`);
    expect([gone.status, gone.body]).toEqual([202, { connections: 0 }]);
    const two = await server.socket();
    await two.nextOf("welcome");
    await server.call("POST", "/v1/users/7/disconnect");
    expect((await two.closed).code).toBe(4410);
  });

  it("[P-CONN-3] POST /v1/move makes the client of a connection reconnect", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    await socket.nextOf("welcome");
    const reconnect = { min_ms: 0, max_ms: 100 };
    const told = await server.call("POST", "/v1/move", { body: { session: "s1", reconnect } });
    expect([told.status, told.body]).toEqual([202, { connections: 1 }]);
    expect(await socket.nextOf("notice")).toMatchObject({ code: "move", reconnect });
    expect((await socket.closed).code).toBe(4001);
  });

  it("[P-CONN-4] [P-CONN-5] revoking a user closes the user's connections and refuses the user's token at every door", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const open = await server.socket("/ws", { token: credential });
    await open.nextOf("welcome");
    const other = await server.socket("/ws", { token: await server.token({ user: "8" }) });
    await other.nextOf("welcome");
    expect((await server.call("POST", "/v1/revoke", { body: { user: "7" } })).status).toBe(204);
    expect((await open.closed).code).toBe(4102);
    const history = await server.call("GET", "/v1/channels/chat:1/history", { credential });
    expect([history.status, history.body.code]).toEqual([401, "token_revoked"]);
    const again = await server.socket("/ws", { token: credential });
    expect((await again.closed).code).toBe(4102);
    expect((await server.call("GET", "/v1/connections?user=8")).body.connections).toHaveLength(1);
    const [, claims = ""] = credential.split(".");
    const { jti } = JSON.parse(Buffer.from(claims, "base64url").toString());
    expect(jti).toMatch(/^\S{20,}$/);
    const wrong = await server.call("POST", "/v1/revoke", { body: { user: "7", token: jti } });
    expect([wrong.status, wrong.body.code]).toEqual([400, "bad_message"]);
  });

  it("[P-CONN-4] revoking a jti refuses that token and no other", async () => {
    await using server = await startGateway();
    const [one, two] = [await server.token(), await server.token()];
    const { jti } = JSON.parse(Buffer.from(one.split(".")[1] ?? "", "base64url").toString());
    await server.call("POST", "/v1/tokens/revoke", { body: { token: jti } });
    const path = "/v1/operations";
    expect((await server.call("GET", path, { credential: one })).body.code).toBe("token_revoked");
    expect((await server.call("GET", path, { credential: two })).status).toBe(200);
  });

  it("[P-CONN-1] the endpoints for connections are forbidden for user tokens", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    for (const [method, path, body] of [
      ["GET", "/v1/connections?user=7", undefined],
      ["GET", "/v1/nodes", undefined],
      ["DELETE", "/v1/connections/x", undefined],
      ["POST", "/v1/users/7/disconnect", undefined],
      ["POST", "/v1/disconnect", { user: "7" }],
      ["POST", "/v1/move", { user: "7" }],
      ["POST", "/v1/revoke", { user: "7" }],
    ] as const) {
      const answer = await server.call(method, path, { credential, body });
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, "forbidden"]);
    }
  });
});
