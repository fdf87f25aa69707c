import type { Rule } from "@milepost/core";
import type { Source } from "@milepost/engine";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type MessageSourceOptions, messageMapper, redisMessageSource } from "./index.ts";
import { type RedisNode, startNode } from "./testing/redis-node.ts";
import { type RedisServer, startRedis } from "./testing/redis-server.ts";

const retention = { maxEntries: 10_000, maxAgeMs: 3_600_000 };
const rules: readonly Rule[] = [
  { pattern: "session:*", subscribe: "authenticated", publish: "granted", retention },
];
const service = { kind: "service", name: "test" } as const;

describe("the mapping of messages to publications", () => {
  test("[P-SRC-5] a publication is made of the pattern's texts, of fields of the message, and of the message itself", () => {
    const progress = messageMapper({
      subscribe: "progress:*",
      channel: "session:{1}",
      event: "{type}",
      key: "{id}",
    });
    const text = '{"type": "progress_update", "id": 7,  "percent": 1.0}';
    expect(progress("progress:s1", text)).toEqual({
      channel: "session:s1",
      event: "progress_update",
      key: "7",
      data: text,
    });
    const update = messageMapper({
      subscribe: "progress_updates",
      channel: "session:{session_id}",
      data: "update",
    });
    expect(update("progress_updates", '{"session_id": "s1", "update": {"a": [1]}}')).toEqual({
      channel: "session:s1",
      event: "message",
      data: '{"a":[1]}',
    });
    const two = messageMapper({ subscribe: "a:*:b:*", channel: "x:{2}:{1}" });
    expect(two("a:1:b:2", "1").channel).toBe("x:2:1");
    expect(two("a::b:", "1").channel).toBe("x::");
  });

  test("[P-SRC-5] a field is left out where the message does not fill its place", () => {
    const map = messageMapper({ subscribe: "p", channel: "session:{id}", event: "{1}", data: "d" });
    for (const text of ["", "[]", "null", "{", '{"id": {}}', '{"id": null}', '{"__proto__": 1}']) {
      expect(map("p", text)).toEqual({});
    }
    expect(map("p", '{"id": false}')).toEqual({ channel: "session:false" });
  });
});

describe.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "messages of Redis PUBLISH",
  () => {
    let redis: RedisServer;
    let client: ReturnType<typeof createClient>;
    beforeAll(async () => {
      redis = await startRedis();
      client = createClient({ url: redis.adminUrl, RESP: 2 }) as typeof client;
      await client.connect();
    });
    afterAll(async () => {
      client.destroy();
      await redis[Symbol.asyncDispose]();
    });

    function reading(
      node: Pick<RedisNode, "core">,
      options: Partial<MessageSourceOptions>,
      faults: unknown[] = [],
    ): Source & AsyncDisposable {
      const source = redisMessageSource({
        url: redis.adminUrl,
        subscribe: "progress:*",
        channel: "session:{1}",
        event: "progress",
        turnMs: 1_000,
        onError: (error) => faults.push(error),
        ...options,
      });
      source.start((name, entry) => node.core.sources.take(name, entry));
      return Object.assign(source, { [Symbol.asyncDispose]: () => source.close() });
    }

    /** Resolves once so many nodes listen to the pattern. */
    async function listened(): Promise<void> {
      while ((await client.pubSubNumPat()) !== 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }

    async function published(node: RedisNode, session: string, count: number) {
      for (;;) {
        const channel = `session:${session}`;
        const { entries } = await node.core.channels.history(service, channel, { limit: 1_000 });
        if (entries.length >= count) return entries.map(({ data }) => data);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }

    test("[P-SRC-5] [P-SRC-6] of two nodes one publishes each message, in order, and the other goes on when it has died", async () => {
      await using one = await startNode(redis.adminUrl, rules);
      await using two = await startNode(redis.adminUrl, rules);
      const first = reading(one, {});
      await listened();
      await using _second = reading(two, {});
      for (let n = 1; n <= 300; n++) await client.publish("progress:s1", String(n));
      const numbers = Array.from({ length: 300 }, (_, n) => n + 1);
      expect(await published(two, "s1", 300)).toEqual(numbers);
      await first.close();
      await listened();
      await client.publish("progress:s1", "301");
      expect(await published(one, "s1", 301)).toEqual([...numbers, 301]);
    });

    test("[P-SRC-6] a node whose turn has ended publishes nothing more until it has the turn again", async () => {
      const taken: unknown[] = [];
      const faults: unknown[] = [];
      const source = redisMessageSource({
        url: redis.adminUrl,
        subscribe: "progress:*",
        channel: "session:{1}",
        turnMs: 4_000,
        onError: (error) => faults.push(error),
      });
      source.start(async (_name, { fields }) => {
        taken.push(fields.data);
        return "stored";
      });
      await listened();
      // Another node takes the turn, which has ended by the clock of this one.
      const turn = "milepost:source:{progress:*}:progress:*:publish";
      await client.set(turn, "another");
      const real = performance.now.bind(performance);
      const clock = vi.spyOn(performance, "now").mockImplementation(() => real() + 60_000);
      await client.publish("progress:s4", "1");
      while (faults.length === 0) await new Promise((resolve) => setImmediate(resolve));
      clock.mockRestore();
      await client.del(turn);
      await listened();
      await client.publish("progress:s4", "2");
      while (!taken.includes("2")) await new Promise((resolve) => setImmediate(resolve));
      expect(taken).toEqual(["2"]);
      await source.close();
    });

    test("[P-SRC-6] a source closes although its Redis hangs", async () => {
      await using hanging = await startRedis();
      const source = redisMessageSource({
        url: hanging.adminUrl,
        subscribe: "progress:*",
        channel: "session:{1}",
        turnMs: 1_000,
      });
      const pubsub = createClient({ url: hanging.adminUrl, RESP: 2 });
      await pubsub.connect();
      source.start(() => Promise.resolve("stored"));
      while ((await pubsub.pubSubNumPat()) !== 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      pubsub.destroy();
      hanging.process.kill("SIGSTOP");
      await source.close();
    });

    test("[P-SRC-6] the number of messages that wait is bounded, and the error log says how many were lost", async () => {
      await using node = await startNode(redis.adminUrl, rules);
      const faults: Error[] = [];
      let open: () => void = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      const slow = redisMessageSource({
        url: redis.adminUrl,
        subscribe: "progress:*",
        channel: "session:{1}",
        maxWaiting: 3,
        turnMs: 1_000,
        onError: (error) => faults.push(error as Error),
      });
      slow.start(async (name, entry) => {
        await opened;
        return node.core.sources.take(name, entry);
      });
      await listened();
      for (let n = 1; n <= 10; n++) await client.publish("progress:s2", String(n));
      while (faults.length === 0) await new Promise((resolve) => setImmediate(resolve));
      open();
      const stored = await published(node, "s2", 4);
      expect(stored).toEqual([1, 2, 3, 4]);
      while (faults.length === 1) await new Promise((resolve) => setImmediate(resolve));
      expect(faults.map(({ message }) => message)).toEqual([
        expect.stringContaining("more than 3 messages"),
        "6 messages were lost, since too many waited",
      ]);
      await slow.close();
    });

    test("[P-SRC-5] a message that can never be published is a dead letter, and later ones are published", async () => {
      await using node = await startNode(redis.adminUrl, rules);
      await using _source = reading(node, {});
      await listened();
      await client.publish("progress:s3", "not JSON");
      await client.publish("progress:s3", '"JSON"');
      expect(await published(node, "s3", 1)).toEqual(["JSON"]);
      const { letters } = await node.core.deadLetters.list(service, {});
      expect(letters.map(({ reason }) => reason)).toEqual([expect.stringContaining("bad_json")]);
    });
  },
);
