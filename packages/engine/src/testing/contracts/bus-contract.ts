import { originTag, type Publication } from "@milepost/protocol";
import { describe, expect, test, vi } from "vitest";
import type { LogPolicy } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const policy: LogPolicy = { maxEntries: 100, maxAgeMs: 3_600_000, dedupeMs: 600_000 };

function entry(n: number, key?: string) {
  const fields = { event: "n", json: String(n), publisher: "p" };
  return key === undefined ? fields : { ...fields, key };
}

/** Contract tests of the bus; every engine runs them. */
export function busContract(name: string, make: MakeEngine): void {
  describe(`${name} bus`, () => {
    test("[G1] entries appended after a subscribe arrive in order, exactly as the log stores them", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const heard: Publication[] = [];
      bus.listen((publication) => heard.push(publication));
      await bus.subscribe("bus:a", policy);
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => log.append("bus:a", entry(n), policy)),
      );
      await vi.waitFor(() => expect(heard).toHaveLength(50));
      expect(heard).toEqual((await log.read("bus:a", 0, 100, policy)).entries);
    });

    test("[G4] each entry on the bus carries the tag of the entry before it, so that a lost tail can be detected", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const heard: Publication[] = [];
      bus.listen((publication) => heard.push(publication));
      await bus.subscribe("bus:a", policy);
      for (let n = 0; n < 3; n++) await log.append("bus:a", entry(n), policy);
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      const tags = heard.map(({ position }) => position.tag);
      expect(heard.map(({ previousTag }) => previousTag)).toEqual([originTag, ...tags.slice(0, 2)]);
    });

    test("[P-WILD-2] a subscriber of a roll-up receives its copies complete and in order", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const heard: Publication[] = [];
      bus.listen((publication) => heard.push(publication));
      const rolledUp = { ...policy, rollUp: { segments: 2, policy } };
      await bus.subscribe("bus:up:*", policy);
      await bus.subscribe("bus:up:a", rolledUp);
      const sources = ["bus:up:a", "bus:up:b:c"];
      for (let n = 0; n < 6; n++) await log.append(sources[n % 2] ?? "", entry(n), rolledUp);
      await vi.waitFor(() => expect(heard).toHaveLength(9));
      const copies = heard.filter(({ channel }) => channel === "bus:up:*");
      expect(copies).toEqual((await log.read("bus:up:*", 0, 10, policy)).entries);
      expect(copies.map(({ source }) => source)).toEqual([0, 1, 0, 1, 0, 1].map((i) => sources[i]));
    });

    test("subscribing neither calls the listener nor delivers earlier entries", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      await log.append("bus:a", entry(1), policy);
      const heard: Publication[] = [];
      let subscribing = true;
      bus.listen((publication) => {
        expect(subscribing).toBe(false);
        heard.push(publication);
      });
      const subscribed = bus.subscribe("bus:a", policy);
      subscribing = false;
      await subscribed;
      await log.append("bus:a", entry(2), policy);
      await vi.waitFor(() => expect(heard.map(({ json }) => json)).toEqual(["2"]));
    });

    test("the bus delivers only subscribed channels, and nothing after an unsubscribe", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const heard: string[] = [];
      bus.listen(({ channel, json }) => heard.push(`${channel} ${json}`));
      await bus.subscribe("bus:a", policy);
      await bus.subscribe("bus:b", policy);
      await log.append("bus:c", entry(1), policy);
      await log.append("bus:a", entry(2), policy);
      await vi.waitFor(() => expect(heard).toEqual(["bus:a 2"]));
      await bus.unsubscribe("bus:a", policy);
      await log.append("bus:a", entry(3), policy);
      await log.append("bus:b", entry(4), policy);
      await vi.waitFor(() => expect(heard).toEqual(["bus:a 2", "bus:b 4"]));
    });

    test("[G3] the bus does not deliver a duplicate again", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const heard: string[] = [];
      bus.listen(({ json }) => heard.push(json));
      await bus.subscribe("bus:a", policy);
      await log.append("bus:a", entry(1, "k"), policy);
      await log.append("bus:a", entry(2, "k"), policy);
      await log.append("bus:a", entry(3), policy);
      await vi.waitFor(() => expect(heard).toEqual(["1", "3"]));
    });
  });
}
