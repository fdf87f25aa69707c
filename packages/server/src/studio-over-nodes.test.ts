import { startRedis } from "@milepost/redis/testing";
import { expect, test } from "vitest";
import { openEngine } from "./runtime/open-engine.ts";
import { startGateway, type TestGateway } from "./testing/test-gateway.ts";

async function node(url: string): Promise<TestGateway> {
  const log = { info() {}, warn() {}, error() {} };
  const store = await openEngine({ redis: url, redisPrefix: "milepost" }, log);
  if (store === undefined) throw new Error("no engine for the URL of Redis");
  return startGateway({ engine: store.factory, guests: true });
}

test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[P-PERSON-2] [P-GUEST-6] a guest's page at another node over Redis gets every update and, after a reload, the whole state",
  async () => {
    await using redis = await startRedis();
    await using first = await node(redis.url);
    await using second = await node(redis.url);
    const claim = (server: TestGateway) =>
      server.call("POST", "/v1/guests", { credential: null, body: { claim: "user_1700_abc" } });
    const [one, other] = await Promise.all([claim(first), claim(second)]);
    expect([one.status, other.status].sort()).toEqual([201, 409]);
    const token = one.status === 201 ? one.body.token : other.body.token;
    const userId = "guest:user_1700_abc";
    const page = await second.socket(`/ws?channels=${userId}`, { token });
    await page.nextOf("subscribed");
    const { studio } = first.gateway;
    void studio.sendSyncProgress(userId, "validating", 10);
    for (let i = 1; i <= 150; i++) await studio.sendError(userId, `error ${i}`);
    await studio.sendPreviewStatus(userId, "ready", { url: "http://localhost:8000" });
    expect(await page.next()).toMatchObject({ type: "sync:progress", data: { percent: 10 } });
    for (let i = 1; i <= 150; i++) {
      expect(await page.next()).toMatchObject({ type: "error", data: { message: `error ${i}` } });
    }
    expect(await page.next()).toMatchObject({ type: "preview:status" });
    const again = await second.socket("/ws", { token, subprotocols: ["milepost.v1.json"] });
    const { result } = await again.ask({ type: "subscribe", id: 1, channel: userId });
    expect(result.snapshot.state).toMatchObject({
      sync: { stage: "validating", percent: 10 },
      preview: { status: "ready", url: "http://localhost:8000" },
    });
    const { errors } = result.snapshot.state;
    expect(errors).toHaveLength(20);
    expect(errors.at(-1)).toMatchObject({ message: "error 150" });
  },
);
