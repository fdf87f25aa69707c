import { startRedis } from "@milepost/redis/testing";
import { expect, test } from "vitest";
import { openEngine } from "./runtime/open-engine.ts";
import { startGateway, type TestGateway } from "./testing/test-gateway.ts";

async function node(url: string, limits = {}): Promise<TestGateway> {
  const log = { info() {}, warn() {}, error() {} };
  const store = await openEngine({ redis: url, redisPrefix: "milepost" }, log);
  if (store === undefined) throw new Error("no engine for the URL of Redis");
  return startGateway({ engine: store.factory, limits });
}

test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[P-ADM-6] of the sockets that one token opens at two nodes over Redis at once, as many are open as its user may have",
  async () => {
    await using redis = await startRedis();
    await using first = await node(redis.url);
    await using second = await node(redis.url);
    const token = await first.gateway.mintToken({ user: "7" });
    const sockets = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? first : second).socket("/ws", { token })),
    );
    const refused = new Set<unknown>();
    for (const socket of sockets) {
      void socket.closed.then(({ code }) => code === 4409 && refused.add(socket));
    }
    await expect.poll(() => refused.size, { timeout: 15_000 }).toBe(50);
    const open = () => first.gateway.stats().connections + second.gateway.stats().connections;
    expect(open()).toBe(10);
    const { body } = await first.call("GET", "/v1/connections?user=7");
    expect(body.connections).toHaveLength(10);
    // The connections of one node make room for those of the other.
    for (const socket of sockets) if (!refused.has(socket)) socket.terminate();
    await expect
      .poll(async () => {
        const socket = await second.socket("/ws", { token });
        return socket.next().then(
          ({ type }) => type,
          () => "refused",
        );
      })
      .toBe("welcome");
  },
  40_000,
);

test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[P-ADM-7] over Redis a reload beside a socket whose peer is gone at another node is not refused",
  async () => {
    await using redis = await startRedis();
    await using first = await node(redis.url, { maxConnectionsPerUser: 1 });
    await using second = await node(redis.url, { maxConnectionsPerUser: 1 });
    const token = await first.gateway.mintToken({ user: "7" });
    const gone = await first.socket("/ws", { token });
    await gone.next();
    gone.ws.pause();
    const next = await second.socket("/ws", { token });
    expect(await next.next()).toMatchObject({ type: "welcome" });
    expect(first.gateway.stats().connections).toBe(0);
    gone.terminate();
  },
  20_000,
);
