import { type Holdings, memoryEngine } from "@milepost/engine";
import { altered, ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { testCore } from "../testing/index.ts";

const hourMs = 3_600_000;
const rules = [
  {
    pattern: "log:*",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 1_000, maxAgeMs: hourMs, maxBytes: 300_000 },
  },
] as const;
const limits = { maxPublisherBytes: 1_000_000, maxPublisherChannels: 20 };
const full = { code: "store_full", retryable: true };

describe("the share of a publisher", () => {
  test("[P-STORE-6] a user who fills many channels is refused with store_full, and another user is served", async () => {
    await using t = testCore({ rules, limits });
    const ada = t.user("ada");
    const data = "x".repeat(99_000);
    let stored = 0;
    const fill = async () => {
      for (; stored < 19; stored++) await t.core.channels.publish(ada, `log:${stored}`, "e", data);
    };
    await expect(fill()).rejects.toMatchObject(full);
    expect(stored).toBe(10);
    await expect(t.core.channels.publish(ada, "log:0", "e", data)).rejects.toMatchObject(full);
    await t.core.channels.publish(t.user("bob"), "log:0", "e", data);
    await t.publish("log:0", "e", data);
    await t.clock.advance(hourMs);
    await t.core.channels.publish(ada, "log:0", "e", data);
  });

  test("[P-STORE-6] a user who goes on publishing to one channel is never refused for that, since the channel keeps no more", async () => {
    await using t = testCore({ rules, limits });
    const ada = t.user("ada");
    for (let n = 0; n < 50; n++)
      await t.core.channels.publish(ada, "log:a", "e", "x".repeat(99_000));
    for (let n = 0; n < 3_000; n++) await t.core.channels.publish(ada, "log:b", "e", n);
    await t.core.channels.publish(ada, "log:c", "e", "x".repeat(99_000));
  });

  test("[P-STORE-6] publishes that are sent together do not exceed the share either", async () => {
    await using t = testCore({ rules, limits });
    const ada = t.user("ada");
    const sent = Array.from({ length: 19 }, (_, n) =>
      t.core.channels.publish(ada, `log:${n}`, "e", "x".repeat(99_000)),
    );
    const settled = await Promise.allSettled(sent);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
  });

  test("[P-STORE-6] a user may begin a bounded number of channels, and goes on in those that are known", async () => {
    await using t = testCore({ rules, limits });
    const ada = t.user("ada");
    const publish = (n: number) => t.core.channels.publish(ada, `log:${n}`, "e", n);
    const settled = await Promise.allSettled(Array.from({ length: 30 }, (_, n) => publish(n)));
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(20);
    await expect(publish(30)).rejects.toMatchObject({
      ...full,
      message: expect.stringContaining("20 channels"),
    });
    await publish(3);
  });

  test("[P-STORE-6] keys count for the time for which they are remembered", async () => {
    await using t = testCore({ rules, limits: { ...limits, maxPublisherBytes: 600_000 } });
    const ada = t.user("ada");
    let stored = 0;
    const fill = async () => {
      for (; stored < 5_000; stored++)
        await t.core.channels.publish(ada, "log:a", "e", 1, { key: `k${stored}` });
    };
    await expect(fill()).rejects.toMatchObject(full);
    expect(stored).toBeGreaterThan(1_000);
    await t.clock.advance(720_000);
    await t.core.channels.publish(ada, "log:a", "e", 1, { key: "later" });
  });

  test("[P-STORE-6] all guests together have one share, since a guest can become another one", async () => {
    await using t = testCore({ rules: [{ ...rules[0], publish: "anyone" }], limits });
    let stored = 0;
    const fill = async () => {
      for (; stored < 19; stored++) {
        const guest = t.user(undefined, { guest: `g${stored}` });
        await t.core.channels.publish(guest, `log:${stored}`, "e", "x".repeat(99_000));
      }
    };
    await expect(fill()).rejects.toMatchObject(full);
    expect(stored).toBe(10);
    await t.core.channels.publish(t.user("ada"), "log:0", "e", 1);
  });

  test("[P-STORE-6] the share holds over all nodes", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    const options = { rules, limits, clock, engine: engine.factory };
    await using a = testCore({ ...options, node: "a" });
    await using b = testCore({ ...options, node: "b" });
    let stored = 0;
    const publish = (n: number) => {
      const t = n % 2 === 0 ? a : b;
      return t.core.channels.publish(t.user("ada"), `log:${n}`, "e", "x".repeat(99_000));
    };
    const fill = async () => {
      for (; stored < 19; stored++) await publish(stored);
    };
    await expect(fill()).rejects.toMatchObject(full);
    expect(stored).toBeLessThanOrEqual(11);
  });

  test("[P-STORE-6] [G1] publishes of one user keep their order while the account is asked", async () => {
    await using t = testCore({ rules, limits: { ...limits, maxPublisherBytes: 200_000 } });
    const ada = t.user("ada");
    const data = "x".repeat(120_000);
    await t.core.channels.publish(ada, "log:a", "e", data);
    await t.clock.advance(hourMs + 1);
    const sent = [data, "small", "last"].map((each) =>
      t.core.channels.publish(ada, "log:b", "e", each),
    );
    const positions = (await Promise.all(sent)).map(({ position }) => position.split(".")[1]);
    expect(positions).toEqual(["1", "2", "3"]);
  });

  test("[P-STORE-6] a publish is stored although the account cannot be reached, and counts once it can", async () => {
    let isAway = true;
    await using t = testCore({
      rules,
      limits,
      engine: (context) => {
        const made = memoryEngine()(context);
        const hold: Holdings["hold"] = async (...call) => {
          if (isAway) throw new MilepostError("store_unavailable", "no");
          return made.holdings.hold(...call);
        };
        return { ...made, holdings: altered(made.holdings, { hold }) };
      },
    });
    const ada = t.user("ada");
    const data = "x".repeat(99_000);
    for (let n = 0; n < 9; n++) await t.core.channels.publish(ada, `log:${n}`, "e", data);
    isAway = false;
    await t.core.channels.publish(ada, "log:9", "e", data);
    await expect(t.core.channels.publish(ada, "log:10", "e", data)).rejects.toMatchObject(full);
  });
});
