import { describe, expect, test } from "vitest";
import { StoreAvailability, type StoreState } from "./store-availability.ts";
import { ManualClock, TestStoreWatch } from "./testing/index.ts";

function setUp() {
  const clock = new ManualClock();
  const watch = new TestStoreWatch();
  const availability = new StoreAvailability(watch, clock);
  const states: StoreState[] = [];
  availability.onState((state) => states.push(state));
  return { clock, watch, availability, states };
}

describe("availability of a store", () => {
  test("[G6] a store is away once it was unreachable for 500 ms, and available at once when it is back", async () => {
    const { clock, watch, availability, states } = setUp();
    watch.set(false);
    await clock.advance(499);
    expect([availability.state, availability.lostMs]).toEqual(["unreachable", 499]);
    await clock.advance(1);
    expect(states).toEqual(["unreachable", "away"]);
    watch.set(true);
    expect([availability.state, availability.lostMs]).toEqual(["available", undefined]);
    expect(states).toEqual(["unreachable", "away", "available"]);
  });

  test("[G6] a store that is back within 500 ms was never away", async () => {
    const { clock, watch, states } = setUp();
    watch.set(false);
    await clock.advance(400);
    watch.set(true);
    await clock.advance(10_000);
    expect(states).toEqual(["unreachable", "available"]);
  });

  test("a store whose bus alone is lost is unreachable too", () => {
    const { watch, availability } = setUp();
    watch.set(true, false);
    expect(availability.state).toBe("unreachable");
  });

  test("[S3] a node whose lease ran out is without its store until the lease is renewed, whatever the engine says", async () => {
    const { clock, watch, availability } = setUp();
    availability.setLeaseLost(true);
    await clock.advance(500);
    watch.set(false);
    watch.set(true);
    expect(availability.state).toBe("away");
    availability.setLeaseLost(false);
    expect(availability.state).toBe("available");
  });

  test("a store that is unreachable from the start is away after 500 ms", async () => {
    const clock = new ManualClock();
    const watch = new TestStoreWatch();
    watch.set(false);
    const availability = new StoreAvailability(watch, clock);
    await clock.advance(500);
    expect(availability.state).toBe("away");
  });

  test("a closed availability calls no listener any more, and counts as away", async () => {
    const { clock, watch, availability, states } = setUp();
    watch.set(false);
    availability.close();
    await clock.advance(1_000);
    watch.set(true);
    expect([states, availability.state]).toEqual([["unreachable"], "away"]);
  });

  test("a listener that throws keeps no other from being called", () => {
    const { watch, availability, states } = setUp();
    const before: StoreState[] = [];
    availability.onState(() => {
      throw new Error("a fault of a listener");
    });
    availability.onState((state) => before.push(state));
    expect(() => watch.set(false)).toThrow("a fault of a listener");
    expect([states, before]).toEqual([["unreachable"], ["unreachable"]]);
  });

  test("an availability is shared, and a plain watch gets one", () => {
    const { availability, watch, clock } = setUp();
    expect(StoreAvailability.of(availability, clock)).toBe(availability);
    expect(StoreAvailability.of(watch, clock)).not.toBe(watch);
  });
});
