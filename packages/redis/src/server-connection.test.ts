import { once } from "node:events";
import net from "node:net";
import { test as anyTest, expect, vi } from "vitest";
import { parseRedisAddress } from "./redis-address.ts";
import { scripts } from "./script.ts";
import { ServerConnection } from "./server-connection.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);

test("when one socket of an opening connection is refused, the other is closed even if it connects later", async () => {
  await using server = await startRedis();
  const late = new net.Socket();
  let connect = () => {};
  const create = vi.spyOn(net, "createConnection");
  create.mockImplementationOnce(() => new net.Socket().connect({ host: "127.0.0.1", port: 1 }));
  create.mockImplementationOnce(((options: net.NetConnectOpts) => {
    connect = () => late.connect(options);
    return late;
  }) as typeof net.createConnection);
  const endpoint = { host: "127.0.0.1", port: server.port };
  const events = { onMessage: () => {}, onMoved: () => {}, onEnd: () => {} };
  const opened = ServerConnection.open(
    parseRedisAddress(server.url),
    endpoint,
    events,
    async () => {},
  );
  await expect(opened).rejects.toThrow("ECONNREFUSED");
  create.mockRestore();
  const closed = once(late, "close");
  connect();
  await closed;
});

test("[P-STORE-5] a canary does not wait behind the calls that are not written to the socket yet", async () => {
  await using server = await startRedis();
  const events = { onMessage: () => {}, onMoved: () => {}, onEnd: () => {} };
  const endpoint = { host: "127.0.0.1", port: server.port };
  const address = parseRedisAddress(server.url);
  const connection = await ServerConnection.open(address, endpoint, events, async () => {});
  await using _connection = { [Symbol.asyncDispose]: async () => connection.end(undefined) };
  const order: string[] = [];
  const keys = ["milepost:{a}:a"];
  const large = Array.from({ length: 24 }, (_, n) =>
    connection.run(scripts.signal, keys, ["PUBLISH", "nobody", "x".repeat(1_000_000)]).then(
      () => order.push(`call ${n}`),
      () => order.push(`call ${n}`),
    ),
  );
  const canary = connection.sendCanary("milepost:canary:x").then(() => order.push("canary"));
  await Promise.all([...large, canary]);
  expect(order.indexOf("canary")).toBeLessThan(12);
});
