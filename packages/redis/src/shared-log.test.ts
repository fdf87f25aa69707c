import type { LogPolicy } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { createClient } from "@redis/client";
import { afterAll, test as anyTest, describe, expect } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { Keys } from "./keys.ts";
import { scripts } from "./script.ts";
import { startRedis } from "./testing/redis-server.ts";

const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const test = anyTest.skipIf(isMissing);
const redis = isMissing ? undefined : await startRedis();
const admin = createClient({ url: redis?.adminUrl ?? "", RESP: 2 });
if (!isMissing) await admin.connect();
afterAll(async () => {
  if (!isMissing) admin.destroy();
  await redis?.[Symbol.asyncDispose]();
});

const channel = "state:a";
const policy: LogPolicy = {
  maxEntries: 1_000,
  maxAgeMs: 3_600_000,
  dedupeMs: 60_000,
  projection: "keyed:id",
};
let made = 0;

/** Two nodes that share the log of one channel, and its keys in Redis. */
async function twoNodes() {
  const prefix = `milepost:shared${++made}`;
  const keys = new Keys(prefix).log(channel, policy);
  const node = async (seed: number) => {
    const clock = new ManualClock();
    const link = await connectRedis({ url: redis?.url ?? "" });
    const engine = redisEngine(link, { prefix })({ clock, random: new SeededRandom(seed) });
    const { log } = engine;
    return {
      clock,
      append: async (id: number, tag?: string) => {
        const entry = { event: "e", publisher: "p", json: JSON.stringify({ id }) };
        return (await log.append(channel, tag ? { ...entry, tag } : entry, policy)).publication;
      },
      /** Ids in the state of the channel. */
      ids: async () => Object.keys((await log.snapshot(channel, policy)).snapshot?.state ?? {}),
      purge: () => log.purge(channel, policy),
      checkpoint: (epoch: string, offset: number, tag: string, state: object) => {
        const stored = `keyed:id\n${JSON.stringify(state)}`;
        const args = [String(link.now()), epoch, String(offset), tag, stored];
        return link.run(scripts.checkpoint, keys, args);
      },
      close: () => engine.close(),
    };
  };
  const nodes = [await node(made * 2), await node(made * 2 + 1)] as const;
  return {
    nodes,
    /** Resolves with a function that takes the log back to where it is now, as a restart of Redis may. */
    remember: async () => {
      const backups = await Promise.all(
        keys.map(async (key) => [key, await admin.sendCommand(["DUMP", key], binary)] as const),
      );
      return async () => {
        await admin.del([...keys]);
        for (const [key, backup] of backups) {
          if (backup !== null)
            await admin.sendCommand(["RESTORE", key, "3600000", backup as unknown as Buffer]);
        }
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const { close } of nodes) await close();
    },
  };
}

const binary = { typeMapping: { 36: Buffer } };

describe("a log that two nodes share", () => {
  test("the times of its entries never go back, even when the clocks of the nodes differ", async () => {
    await using shared = await twoNodes();
    const [ahead, behind] = shared.nodes;
    await ahead.clock.advance(60_000);
    const { ts } = await ahead.append(1);
    expect((await behind.append(2)).ts).toBe(ts);
    await behind.clock.advance(90_000);
    expect((await behind.append(3)).ts).toBeGreaterThan(ts);
  });

  test("[G4] a state that a node has folded does not count once the log lost the entries it was folded from", async () => {
    await using shared = await twoNodes();
    const [one, two] = shared.nodes;
    await one.append(1);
    const goBack = await shared.remember();
    await one.append(2);
    expect(await one.ids()).toEqual(["1", "2"]);
    await goBack();
    await two.append(3);
    expect(await one.ids()).toEqual(["1", "3"]);
    await goBack();
    await two.append(4);
    await two.append(5);
    expect(await one.ids()).toEqual(["1", "4", "5"]);
  });

  test("[G4] a state that a node has folded does not count for the log that follows a purge", async () => {
    await using shared = await twoNodes();
    const [one, two] = shared.nodes;
    await one.append(1, "sametags");
    expect(await one.ids()).toEqual(["1"]);
    await two.purge();
    await two.append(2, "sametags");
    expect(await one.ids()).toEqual(["2"]);
  });

  test("a state is stored only for an entry that the log has, and never for one before the stored state", async () => {
    await using shared = await twoNodes();
    const [one, two] = shared.nodes;
    const first = (await one.append(1)).position;
    const second = (await one.append(2)).position;
    const state = { 1: { id: 1 }, 2: { id: 2 }, stored: true };
    const store = (tag: string, { epoch, offset } = second) =>
      one.checkpoint(epoch, offset, tag, state);
    expect(await store(second.tag, { ...second, epoch: "another" })).toBe(0);
    expect(await store("othertag")).toBe(0);
    expect(await store(second.tag, { ...second, offset: 3 })).toBe(0);
    expect(await two.ids()).toEqual(["1", "2"]);
    expect(await store(second.tag)).toBe(1);
    expect(await store(second.tag)).toBe(0);
    expect(await store(first.tag, first)).toBe(0);
    await one.append(3);
    // This node has folded nothing of the log yet.
    expect(await one.ids()).toEqual(["1", "2", "3", "stored"]);
  });
});
