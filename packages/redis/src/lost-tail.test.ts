import type { Rule } from "@milepost/core";
import type { Received, TestSocket } from "@milepost/core/testing";
import { test as anyTest, expect, vi } from "vitest";
import { mortalRedis } from "./testing/mortal-redis.ts";
import { type RedisNode, startNode } from "./testing/redis-node.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const patience = { timeout: 15_000 };
const granted = { subscribe: "authenticated", publish: "granted" } as const;
const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const rules: readonly Rule[] = [
  { pattern: "log:*", ...granted, retention },
  { pattern: "state:*", ...granted, retention, projection: { name: "latest" } },
];

function numbers(messages: readonly Received[]): unknown[] {
  return messages.filter(({ type }) => type === "event").map(({ data }) => data);
}

function find(socket: TestSocket, type: string): Received | undefined {
  return socket.received().find((message) => message.type === type);
}

/** Resolves with the result of a socket's subscribe; rejects with the error of the subscribe. */
async function answered(socket: TestSocket): Promise<Received> {
  await vi.waitFor(() => expect(find(socket, "reply")).toBeDefined(), patience);
  const { result, error } = find(socket, "reply") as Received;
  if (error !== undefined) throw new Error(JSON.stringify(error));
  return result as Received;
}

/**
 * Subscribes repeatedly until the store answers: right after a restart of Redis, a node may not have
 * reconnected yet.
 */
async function resumed(node: RedisNode, channel: string, since: string): Promise<TestSocket> {
  return vi.waitFor(async () => {
    const socket = node.read(channel, since);
    await answered(socket);
    return socket;
  }, patience);
}

async function publishMany(node: RedisNode, channel: string, from: number, to: number) {
  const positions: string[] = [];
  for (let n = from; n <= to; n++) {
    positions.push(await vi.waitFor(() => node.publish(channel, n), patience));
  }
  return positions;
}

for (const how of ["is flushed", "comes back empty"] as const) {
  test(`[G4] [G8] after Redis ${how}, live and reconnecting subscribers at any node get epoch_changed`, async () => {
    await using redis = await mortalRedis();
    await using one = await startNode(redis.url, rules);
    await using two = await startNode(redis.url, rules);
    const live = { log: two.read("log:a"), state: two.read("state:a") };
    await Promise.all(Object.values(live).map(answered));
    const [log, state] = [
      await publishMany(one, "log:a", 1, 5),
      await publishMany(one, "state:a", 1, 5),
    ];
    await vi.waitFor(() => expect(numbers(live.log.received())).toEqual([1, 2, 3, 4, 5]), patience);
    await vi.waitFor(() => expect(numbers(live.state.received()).length).toBe(5), patience);
    if (how === "is flushed") await redis.command("FLUSHALL");
    else await redis.killAndRestart();
    // Both nodes still have all entries in memory, but the log has lost them, so neither may recover from
    // memory.
    for (const node of [one, two]) {
      const back = await resumed(node, "log:a", log[3] ?? "");
      expect(await answered(back)).toMatchObject({ recovered: false, reason: "epoch_changed" });
      expect(numbers(back.received())).toEqual([]);
      const folded = await resumed(node, "state:a", state[4] ?? "");
      expect(await answered(folded)).toMatchObject({
        recovered: false,
        reason: "epoch_changed",
        snapshot: { projection: "latest", state: null },
      });
    }
    await publishMany(one, "log:a", 6, 8);
    await publishMany(one, "state:a", 6, 6);
    await vi.waitFor(
      () => expect(numbers(live.log.received()).slice(5)).toEqual([6, 7, 8]),
      patience,
    );
    expect(find(live.log, "gap")).toMatchObject({ from: log[4], reason: "epoch_changed" });
    await vi.waitFor(() => expect(numbers(live.state.received()).at(-1)).toBe(6), patience);
    expect(find(live.state, "reset")).toMatchObject({
      reason: "epoch_changed",
      snapshot: { state: null },
    });
  }, 40_000);
}

test("[G4] [G8] after Redis restarts with an older state, subscribers detect the lost end of the log, even once new entries replaced it", async () => {
  await using redis = await mortalRedis();
  await using one = await startNode(redis.url, rules);
  await using two = await startNode(redis.url, rules);
  const live = { log: two.read("log:a"), state: two.read("state:a") };
  await Promise.all(Object.values(live).map(answered));
  const kept = await publishMany(one, "log:a", 1, 6);
  await publishMany(one, "state:a", 1, 6);
  await redis.command("SAVE");
  const lost = await publishMany(one, "log:a", 7, 10);
  const lostState = await publishMany(one, "state:a", 7, 8);
  await vi.waitFor(() => expect(numbers(live.log.received()).length).toBe(10), patience);
  await vi.waitFor(() => expect(numbers(live.state.received()).length).toBe(8), patience);
  await redis.killAndRestart();
  const mismatch = { recovered: false, reason: "tag_mismatch" };
  for (const node of [one, two]) {
    for (const position of lost) {
      const back = await resumed(node, "log:a", position);
      expect(await answered(back)).toMatchObject(mismatch);
      expect(find(back, "gap")).toMatchObject({ from: position, reason: "tag_mismatch" });
    }
    const folded = await resumed(node, "state:a", lostState[1] ?? "");
    expect(await answered(folded)).toMatchObject({
      ...mismatch,
      snapshot: { projection: "latest" },
    });
    expect(JSON.stringify(await answered(folded))).toContain('"data":6');
    const true_ = await resumed(node, "log:a", kept[2] ?? "");
    expect(await answered(true_)).toMatchObject({ recovered: true, position: kept[2] });
    await vi.waitFor(() => expect(numbers(true_.received())).toEqual([4, 5, 6]), patience);
  }
  await vi.waitFor(
    () => expect(find(live.log, "gap")).toMatchObject({ from: lost[3], reason: "tag_mismatch" }),
    patience,
  );
  await vi.waitFor(
    () => expect(find(live.state, "reset")).toMatchObject({ reason: "tag_mismatch" }),
    patience,
  );
  await publishMany(one, "log:a", 11, 17);
  for (const node of [one, two]) {
    for (const position of lost) {
      const back = await resumed(node, "log:a", position);
      expect(await answered(back)).toMatchObject(mismatch);
      await vi.waitFor(
        () =>
          expect(numbers(back.received())).toEqual([1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 17]),
        patience,
      );
    }
    const true_ = await resumed(node, "log:a", kept[5] ?? "");
    expect(await answered(true_)).toMatchObject({ recovered: true });
    await vi.waitFor(
      () => expect(numbers(true_.received())).toEqual([11, 12, 13, 14, 15, 16, 17]),
      patience,
    );
  }
  await vi.waitFor(
    () => expect(numbers(live.log.received()).slice(-7)).toEqual([11, 12, 13, 14, 15, 16, 17]),
    patience,
  );
}, 60_000);
