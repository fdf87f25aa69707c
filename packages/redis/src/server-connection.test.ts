import { once } from "node:events";
import net from "node:net";
import { test as anyTest, expect, vi } from "vitest";
import { parseRedisAddress } from "./redis-address.ts";
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
