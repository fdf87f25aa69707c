import { startRedis } from "@milepost/redis/testing";
import { test as anyTest, expect } from "vitest";
import { openEngine } from "./runtime/open-engine.ts";
import { startGateway } from "./testing/test-gateway.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const log = { info() {}, warn() {}, error() {} };

test("[P-RULE-21] an id belongs to its author on every node over Redis, also after a restart of the nodes", async () => {
  await using redis = await startRedis();
  const node = async () => {
    const store = await openEngine({ redis: redis.url, redisPrefix: "milepost" }, log);
    if (store === undefined) throw new Error("no engine for the URL of Redis");
    return startGateway({ engine: store.factory });
  };
  const chunk = (messageId: string, isComplete: boolean) => ({
    channel: "chat:42",
    event: "chat_message_chunk",
    data: { messageId, content: "Hi", isComplete, role: "user" },
  });
  const say = async (server: Awaited<ReturnType<typeof node>>, user: string, body: object) => {
    const credential = await server.token({ user, session: user });
    const { status, body: answer } = await server.call("POST", "/v1/publish", { credential, body });
    return status === 200 ? (answer.results[0].error?.code ?? "stored") : answer.code;
  };
  {
    await using first = await node();
    await using second = await node();
    expect(await say(first, "ann", chunk("m", false))).toBe("stored");
    expect(await say(second, "eve", chunk("m", true))).toBe("forbidden");
    const both = [
      say(first, "ann", chunk("race", false)),
      say(second, "eve", chunk("race", false)),
    ];
    expect((await Promise.all(both)).sort()).toEqual(["forbidden", "stored"]);
  }
  await using again = await node();
  expect(await say(again, "eve", chunk("m", true))).toBe("forbidden");
  expect(await say(again, "ann", chunk("m", true))).toBe("stored");
});
