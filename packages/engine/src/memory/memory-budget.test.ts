import { describe, expect, test } from "vitest";
import { memoryEngine } from "../index.ts";
import type { LogPolicy } from "../ports/channel-log.ts";
import { ManualClock, SeededRandom } from "../testing/index.ts";

const mib = 1_048_576;
const policy: LogPolicy = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 600_000 };

function engineOf(maxBytes: number) {
  const clock = new ManualClock();
  const trimmed: [reason: string, entries: number][] = [];
  const engine = memoryEngine({ maxBytes })({
    clock,
    random: new SeededRandom(),
    onTrimmed: (reason, entries) => trimmed.push([reason, entries]),
  });
  const append = (channel: string, length: number, rest: Partial<LogPolicy> = {}) =>
    engine.log.append(
      channel,
      { event: "e", json: JSON.stringify("x".repeat(length)), publisher: "p" },
      { ...policy, ...rest },
    );
  const kept = async (channel: string) => {
    const { head, floor } = await engine.log.read(channel, 0, 1, policy);
    return head.offset - floor.offset;
  };
  return { clock, engine, append, kept, trimmed, bytes: () => engine.memoryBytes?.() ?? 0 };
}

describe("the memory budget of a node", () => {
  test("[P-STORE-3] logs of many channels together never take more than the budget", async () => {
    const { append, bytes, kept, trimmed } = engineOf(mib);
    for (let n = 0; n < 247; n++) {
      await append(`log:${n}`, 100_000);
      expect(bytes()).toBeLessThanOrEqual(mib);
    }
    expect(await kept("log:246")).toBe(1);
    expect(await kept("log:0")).toBe(0);
    expect(trimmed.every(([reason]) => reason === "budget")).toBe(true);
  });

  test("[P-STORE-3] the heaviest log loses its oldest entries first, and small logs keep theirs", async () => {
    const { append, kept } = engineOf(8 * mib);
    for (let n = 0; n < 50; n++) await append("small:1", 100);
    for (let n = 0; n < 40; n++) await append("big:1", 500_000, { maxBytes: 64 * mib });
    expect(await kept("small:1")).toBe(50);
    expect(await kept("big:1")).toBeGreaterThan(2);
    expect(await kept("big:1")).toBeLessThan(16);
  });

  test("[P-STORE-3] of logs of equal weight, the one that was not used for the longest time loses its entries first", async () => {
    const { append, clock, kept } = engineOf(8 * mib);
    for (let n = 0; n < 7; n++) {
      await append(`log:${n}`, mib - 2_000);
      await clock.advance(1_000);
    }
    await append("log:new", mib - 2_000);
    expect(await kept("log:0")).toBe(0);
    expect(await kept("log:6")).toBe(1);
  });

  test("[P-STORE-3] an append that cannot fit is refused with store_full and stores nothing", async () => {
    const { append, engine, kept } = engineOf(mib);
    await append("log:a", 1_000);
    await expect(append("log:a", mib)).rejects.toMatchObject({
      code: "store_full",
      retryable: true,
    });
    expect((await engine.log.read("log:a", 0, 10, policy)).head.offset).toBe(1);
    expect(await kept("log:a")).toBeLessThanOrEqual(1);
    await append("log:a", 1_000);
  });

  test("[P-STORE-3] remembered keys count, and appends with new keys are refused once they fill the budget", async () => {
    const { clock, engine, bytes } = engineOf(mib);
    const append = (key: string) =>
      engine.log.append("log:a", { event: "e", json: "1", publisher: "p", key }, policy);
    let stored = 0;
    try {
      for (; stored < 100_000; stored++) await append(`key-${stored}`);
    } catch (error) {
      expect(error).toMatchObject({ code: "store_full" });
    }
    expect(stored).toBeGreaterThan(1_000);
    expect(stored).toBeLessThan(5_000);
    expect(bytes()).toBeLessThanOrEqual(mib);
    expect(await append("key-0")).toMatchObject({ duplicate: true });
    await clock.advance(policy.dedupeMs);
    expect(await append("later")).toMatchObject({ duplicate: false });
  });

  test("[P-STORE-3] the bytes of logs that expire or are purged become free", async () => {
    const { append, bytes, clock, engine } = engineOf(8 * mib);
    for (let n = 0; n < 5; n++) await append(`log:${n}`, 500_000);
    await engine.log.purge("log:0", policy);
    expect(bytes()).toBeLessThan(2.2 * mib);
    await clock.advance(policy.maxAgeMs + 20_000);
    expect(bytes()).toBe(0);
  });

  test("[P-STORE-3] states of many small values do not fill the budget, and stay right while they are packed", async () => {
    const { engine, bytes } = engineOf(8 * mib);
    const latest = { ...policy, projection: "latest" };
    const append = (n: number) =>
      engine.log.append(
        `state:${n}`,
        {
          event: "e",
          json: `{"n":${n},"all":[${Array(50_000).fill("[]").join()}]}`,
          publisher: "p",
        },
        latest,
      );
    for (let n = 0; n < 24; n++) await append(n);
    expect(bytes()).toBeLessThanOrEqual(8 * mib);
    for (let n = 0; n < 24; n++) {
      const { snapshot } = await engine.log.snapshot(`state:${n}`, latest);
      expect(snapshot).toMatchObject({ state: { data: { n } } });
    }
    await engine.log.append("state:0", { event: "e", json: '{"n":100}', publisher: "p" }, latest);
    const { snapshot } = await engine.log.snapshot("state:0", latest);
    expect(snapshot).toMatchObject({ state: { data: { n: 100 } } });
  });
});
