import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { RawWebSocket } from "../../testing/raw-web-socket.ts";
import { startGateway } from "../../testing/test-gateway.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes in use, for objects and for what they hold outside the heap. */
function used(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it("1,000 connections take less than 50 KB of memory each, both ends together, and each receives what is published", async () => {
  const count = 1_000;
  const limits = { maxConnectionsPerUser: 2 * count, maxConnectionsPerSession: 2 * count };
  await using server = await startGateway({ limits });
  const token = await server.token();
  const opened: RawWebSocket[] = [];
  using _all = {
    [Symbol.dispose]() {
      for (const socket of opened) socket[Symbol.dispose]();
    },
  };
  const open = async (number: number) => {
    for (let from = opened.length; opened.length < from + number; ) {
      const batch = await Promise.all(
        Array.from({ length: 50 }, () => RawWebSocket.open(server.port, "/ws/chat/42", token)),
      );
      opened.push(...batch);
      for (const socket of batch) {
        await socket.next();
        expect(await socket.next()).toMatchObject({ type: "subscribed" });
      }
    }
  };
  // What the first connections load or compile belongs to no connection.
  await open(50);
  const before = used();
  await open(count);
  expect((used() - before) / count).toBeLessThan(50_000);
  const { connections, subscriptions } = server.gateway.stats();
  expect([connections, subscriptions]).toEqual([count + 50, count + 50]);
  await server.gateway.publish("chat:42", "message", { n: 1 });
  const got = await Promise.all(opened.map((socket) => socket.next()));
  expect(got.filter(({ data }) => data.n === 1)).toHaveLength(count + 50);
}, 30_000);
