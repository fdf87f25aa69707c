import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";

const path = "/v1/channels/chat:42/history";

describe("the rates of the HTTP API", () => {
  it("[P-LIM-8] HTTP requests of a user above its rate are answered with 429 and Retry-After, and a service has no limit", async () => {
    await using server = await startGateway({
      limits: { userMessagesPerSecond: 0.01, burstSeconds: 300 },
    });
    const credential = await server.token();
    for (let n = 0; n < 3; n++) {
      expect(await server.call("GET", path, { credential })).toMatchObject({ status: 200 });
    }
    const refused = await server.call("GET", path, { credential });
    expect(refused).toMatchObject({
      status: 429,
      body: { code: "rate_limited", retry_after_ms: expect.any(Number) },
    });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    const other = await server.token({ user: "8" });
    expect(await server.call("GET", path, { credential: other })).toMatchObject({ status: 200 });
    for (let n = 0; n < 10; n++)
      expect(await server.call("GET", path)).toMatchObject({ status: 200 });
  });

  it("[P-LIM-8] each message of an upstream request counts, and a request over the limit has no effect", async () => {
    await using server = await startGateway({
      limits: { userMessagesPerSecond: 0.01, burstSeconds: 500 },
    });
    const credential = await server.token();
    const publish = (data: number) => ({ type: "publish", channel: "chat:42", event: "e", data });
    const send = (count: number) =>
      server.call("POST", "/v1/connections/-/messages", {
        credential,
        body: Array.from({ length: count }, (_, n) => ({ ...publish(n), id: n })),
      });
    expect(await send(4)).toMatchObject({ status: 200 });
    expect(await send(3)).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(await send(1)).toMatchObject({ status: 200 });
    expect((await server.call("GET", path)).body.entries).toHaveLength(5);
  });

  it("[P-LIM-8] each entry of a publish counts", async () => {
    await using server = await startGateway({
      limits: { userMessagesPerSecond: 0.01, burstSeconds: 500 },
    });
    const credential = await server.token();
    const publish = (count: number) =>
      server.call("POST", "/v1/publish", {
        credential,
        body: {
          channels: Array.from({ length: count }, (_, n) => `chat:${n}`),
          event: "e",
          data: 1,
        },
      });
    expect(await publish(4)).toMatchObject({ status: 200 });
    expect(await publish(2)).toMatchObject({ status: 429 });
  });

  it("[P-LIM-8] the bytes of answers count: a user who reads much is told to wait before the next request", async () => {
    await using server = await startGateway({
      limits: { userBytesPerSecond: 100, burstSeconds: 1 },
    });
    await server.gateway.publish("chat:42", "message", "x".repeat(10_000));
    const credential = await server.token();
    expect(await server.call("GET", path, { credential })).toMatchObject({ status: 200 });
    const post = () =>
      server.call("POST", "/v1/publish", {
        credential,
        body: { channel: "chat:42", event: "e", data: 1 },
      });
    expect(await post()).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  });
});
