import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { consumerOf } from "./consumer.ts";

describe("[P-CON-11] the kind of a consumer", () => {
  it.each([
    ["browser/0.1.0", "browser_sdk"],
    ["server/12.0.3", "server_sdk"],
    ["browser", "websocket"],
    ["mobile/1.0.0", "websocket"],
    ["__proto__/1.0.0", "websocket"],
    ["browser/1.0.0\nx", "websocket"],
    ["", "websocket"],
    [undefined, "websocket"],
  ])("a consumer over WebSocket that names its SDK %j has the kind %s", (sdk, kind) => {
    expect(consumerOf(sdk, "websocket")).toBe(kind);
  });

  it("connections are counted by kind of consumer, and the health endpoint reports the counts", async () => {
    await using server = await startGateway({ limits: { maxConnectionsPerSession: 10 } });
    const token = await server.token();
    const open = new AbortController();
    for (const path of ["/ws?sdk=browser/0.1.0", "/ws?sdk=server%2F0.1.0", "/ws", "/ws?sdk=x"]) {
      await (await server.socket(path)).nextOf("welcome");
    }
    const stream = (query: string) =>
      fetch(`${server.url}/v1/sse?channels=chat:1${query}`, {
        headers: { Authorization: `Bearer ${token}` },
        signal: open.signal,
      });
    await stream("");
    await stream("&sdk=browser/0.1.0");
    const head = await server.call("GET", "/v1/poll?channels=chat:1", { credential: token });
    const poll = (query: string) =>
      server
        .call("GET", `/v1/poll?since=${encodeURIComponent(head.body.cursor)}${query}`, {
          credential: token,
          signal: open.signal,
        })
        .catch(() => {});
    const polls = [poll(""), poll("&sdk=server/0.1.0")];
    while (server.gateway.stats().connections < 8) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const consumers = { browser_sdk: 2, server_sdk: 2, websocket: 2, sse: 1, poll: 1 };
    expect(server.gateway.stats()).toMatchObject({ connections: 8, consumers });
    const health = await server.call("GET", "/ws/health", { credential: null });
    expect(health.body.consumers).toEqual(consumers);
    open.abort();
    await Promise.all(polls);
  });
});
