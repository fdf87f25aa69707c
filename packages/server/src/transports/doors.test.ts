import { describe, expect, it } from "vitest";
import { gatewayOf } from "../gateway.ts";
import type { GatewayOptions } from "../gateway-options.ts";
import { answerJson } from "../http/answer.ts";
import { describe as describeEndpoint } from "../http/description.ts";
import { exchange, upgradeRequest } from "../testing/raw-http.ts";
import { apiKey, testGateway, tokenSecret } from "../testing/test-gateway.ts";
import type { DoorFactory } from "./door.ts";
import { doors } from "./doors.ts";

/** A door with one endpoint and one upgrade path, which records what the gateway does with it. */
function echoDoor(calls: string[]): DoorFactory {
  return ({ core }) => ({
    name: "echo",
    routes: [
      {
        method: "GET",
        path: "/v1/echo",
        spec: describeEndpoint({
          summary: "Echo.",
          success: { status: 200, description: "Echo." },
        }),
        handle: (context) =>
          answerJson(context, { node: core.node, kind: context.get("principal").kind }),
      },
    ],
    upgrades: {
      claims: (path) => path === "/echo",
      accept(request, socket) {
        socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${request.url}`);
      },
    },
    refuse: () => calls.push("refuse"),
    async close() {
      calls.push("close");
    },
  });
}

async function startWithEcho(calls: string[] = [], options: Partial<GatewayOptions> = {}) {
  const auth = { tokenSecret, apiKeys: [{ name: "test", key: apiKey }] };
  const gateway = gatewayOf({ auth, node: "n1", ...options }, [...doors, echoDoor(calls)]);
  const { port } = await gateway.listen({ port: 0 });
  return testGateway(gateway, port);
}

describe("a door that is added to the list", () => {
  it("an added door has its endpoints served, authenticated, described, and open to tokens in the query", async () => {
    await using server = await startWithEcho();
    const token = await server.token();
    const byHeader = await server.call("GET", "/v1/echo");
    expect(byHeader).toMatchObject({ status: 200, body: { node: "n1", kind: "service" } });
    const byQuery = await server.call("GET", `/v1/echo?token=${token}`, { credential: null });
    expect(byQuery).toMatchObject({ status: 200, body: { kind: "user" } });
    expect(await server.call("GET", "/v1/echo", { credential: null })).toMatchObject({
      status: 401,
    });
    expect((await server.call("POST", "/v1/echo")).headers.get("allow")).toBe("GET, HEAD");
    expect((await server.call("GET", "/openapi.json")).body.paths).toHaveProperty("/v1/echo");
  });

  it("an added door answers the upgrade requests for its path, and the other doors still answer theirs", async () => {
    await using server = await startWithEcho();
    expect(await exchange(server.port, upgradeRequest("/echo?a=1"))).toMatch(
      /^HTTP\/1\.1 101 .*\/echo\?a=1$/s,
    );
    expect(await exchange(server.port, upgradeRequest("/echoes"))).toMatch(/^HTTP\/1\.1 404 /);
    expect(await (await server.socket("/ws")).next()).toMatchObject({ type: "welcome" });
    const feed = await server.socket("/ws/progress/s2");
    expect(await feed.closed).toEqual({ code: 1008, reason: "Invalid session" });
  });

  it("[P-FEED-1] a feed of a text that no session can have as its id is closed with 1008, like that of any other session", async () => {
    await using server = await startWithEcho();
    const token = await server.token();
    for (const id of ["a".repeat(3_000), "%20".repeat(1_025)]) {
      for (const query of ["", `?token=${token}`]) {
        const feed = await server.socket(`/ws/progress/${id}${query}`);
        expect(await feed.closed).toEqual({ code: 1008, reason: "Invalid session" });
      }
    }
  });

  it("an added door refuses new connections first and is then closed, when the gateway closes", async () => {
    const calls: string[] = [];
    await using server = await startWithEcho(calls);
    await server.gateway.close();
    expect(calls).toEqual(["refuse", "close"]);
  });

  it("every door is closed in processes that serve only the API of backends", async () => {
    await using server = await startWithEcho([], { role: "api" });
    for (const path of ["/echo", "/ws", "/ws/progress/s1"]) {
      expect(await exchange(server.port, upgradeRequest(path))).toMatch(
        /^HTTP\/1\.1 404 .*the role of this process does not serve this;/s,
      );
    }
    const answer = await server.call("GET", "/v1/echo");
    expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } });
  });
});

describe("the list of doors", () => {
  it("no two doors have the same name", async () => {
    const names: string[] = [];
    const spied = doors.map((door): DoorFactory => {
      return (parts) => {
        const made = door(parts);
        names.push(made.name);
        return made;
      };
    });
    await gatewayOf({ auth: { tokenSecret, apiKeys: [] } }, spied).close();
    expect(names).toEqual(["session-feed", "websocket", "sse", "long-poll"]);
  });
});
