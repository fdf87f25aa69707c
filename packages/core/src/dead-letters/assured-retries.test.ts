import { type Engine, memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { RuleBook } from "../rules/rule-book.ts";
import { TimerWheel } from "../runtime/timer-wheel.ts";
import { AssuredPublisher } from "./assured-publisher.ts";

/** Publisher to a log that fails with this error, or not at all. */
function publishing() {
  const clock = new ManualClock();
  const made = memoryEngine()({ clock, random: new SeededRandom() });
  const world = { error: undefined as MilepostError | undefined, appends: [] as string[] };
  const log = {
    append: async (_: string, { json }: { json: string }) => {
      world.appends.push(json);
      if (world.error !== undefined) throw world.error;
    },
  };
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const publisher = new AssuredPublisher({
    engine: { ...made, log } as unknown as Engine,
    rules: new RuleBook([]),
    clock,
    wheel: new TimerWheel(clock, onError),
    random: new SeededRandom(),
    onError,
  });
  const publish = (line: string, json: string) =>
    publisher.publish(line, {
      channel: "user:7",
      event: "e",
      json,
      key: json,
      publisher: "gateway",
    });
  const letters = async () =>
    (await made.deadLetters.list({ limit: 10 })).map(({ entry }) => entry.json);
  return { clock, errors, letters, publish, publisher, world };
}

const down = new MilepostError("store_unavailable", "it is down");

describe("[P-DLQ-5] entries that the gateway publishes itself", () => {
  test("an entry is tried five times, and an entry that can never be stored only once", async () => {
    const { clock, letters, publish, world } = publishing();
    world.error = down;
    await publish("a", "1");
    await clock.advance(60_000);
    expect(world.appends).toEqual(["1", "1", "1", "1", "1"]);
    expect(await letters()).toEqual(["1"]);
    world.error = new MilepostError("too_large", "it is too large");
    await publish("b", "2");
    await clock.advance(60_000);
    expect(world.appends).toHaveLength(6);
    expect(await letters()).toEqual(["1", "2"]);
  });

  test("an entry that a newer one has replaced is not tried again", async () => {
    const { clock, publish, world } = publishing();
    world.error = down;
    await publish("a", "old");
    await publish("a", "new");
    world.appends = [];
    world.error = undefined;
    await clock.advance(60_000);
    expect(world.appends).toEqual(["new"]);
  });

  test("an entry whose failure comes only after a newer one was published is not tried again", async () => {
    const { clock, publish, publisher, world } = publishing();
    world.error = down;
    const old = publish("a", "old");
    const fresh = publish("a", "new");
    await Promise.all([old, fresh]);
    expect(publisher.waiting).toBe(1);
    world.appends = [];
    world.error = undefined;
    await clock.advance(60_000);
    expect(world.appends).toEqual(["new"]);
  });

  test("[G7] at most 10,000 entries wait for the store, and the loss of the oldest is reported", async () => {
    const { clock, errors, publish, publisher, world } = publishing();
    world.error = down;
    for (let n = 0; n < 10_001; n++) await publish(`line ${n}`, String(n));
    expect(publisher.waiting).toBe(10_000);
    expect(errors.filter((error) => String(error).includes("dropped the oldest"))).toHaveLength(1);
    world.appends = [];
    world.error = undefined;
    await clock.advance(2_000);
    expect(world.appends).toHaveLength(10_000);
    expect(world.appends).not.toContain("0");
  });
});
