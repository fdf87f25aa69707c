import { once } from "node:events";
import { connect } from "node:net";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { test as anyTest, expect } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { scripts } from "./script.ts";
import { startRedis } from "./testing/redis-server.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);

/** Records the commands that clients send to a server, without those that scripts run. */
async function monitored(port: number) {
  const socket = connect(port, "127.0.0.1");
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk.toString("utf8");
  });
  await once(socket, "connect");
  socket.write("MONITOR\r\n");
  await once(socket, "data");
  return {
    /** Resolves with the commands sent so far, once `until` has been sent. */
    async commands(until: string): Promise<readonly string[]> {
      while (!heard.includes(until)) await once(socket, "data");
      const sent = heard
        .split("\r\n")
        .filter((line) => line.includes(" [0 127.") && !line.includes(scripts.canary.sha));
      return sent.map((line) => /"(\w+)"/.exec(line)?.[1]?.toUpperCase() ?? line);
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

test("an append is one command, even with a key, a roll-up and a projection", async () => {
  await using server = await startRedis();
  const link = await connectRedis({ url: server.url });
  const context = { clock: new ManualClock(), random: new SeededRandom() };
  const engine = redisEngine(link)(context);
  await using _engine = { [Symbol.asyncDispose]: () => engine.close() };
  const kept = { maxEntries: 100, maxAgeMs: 60_000, dedupeMs: 60_000 };
  const rollUp = { segments: 1, policy: kept };
  const policy = { ...kept, projection: "latest", rollUp };
  const entry = { event: "e", json: "1", publisher: "p", key: "k" };
  using monitor = await monitored(server.port);
  await engine.log.append("job:1", entry, policy);
  await engine.leases.get("the end");
  const sent = await monitor.commands("lease:");
  const canary = ["ROLE", "PUBLISH"];
  expect(sent.filter((name) => !canary.includes(name))).toEqual(["EVALSHA", "EVALSHA"]);
});
