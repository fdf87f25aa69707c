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
  test("[G6] a store counts as away after 500 ms of being unreachable, and as available as soon as it is reachable again", async () => {
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

  test("[G6] a store that is reachable again within 500 ms never counts as away", async () => {
    const { clock, watch, states } = setUp();
    watch.set(false);
    await clock.advance(400);
    watch.set(true);
    await clock.advance(10_000);
    expect(states).toEqual(["unreachable", "available"]);
  });

  test("a store counts as unreachable when only its bus is lost", () => {
    const { watch, availability } = setUp();
    watch.set(true, false);
    expect(availability.state).toBe("unreachable");
  });

  test("[G6] a store that answers but takes no writes counts as unreachable, then as away", async () => {
    const { clock, watch, availability } = setUp();
    watch.set(true, true, false);
    expect(availability.state).toBe("unreachable");
    await clock.advance(500);
    expect(availability.state).toBe("away");
    watch.set(true);
    expect(availability.state).toBe("available");
  });

  test("[S3] the store of a node whose lease expired counts as away until the lease is renewed, even if the engine reports it healthy", async () => {
    const { clock, watch, availability } = setUp();
    availability.setLeaseLost(true);
    await clock.advance(500);
    watch.set(false);
    watch.set(true);
    expect(availability.state).toBe("away");
    availability.setLeaseLost(false);
    expect(availability.state).toBe("available");
  });

  test("a store that is unreachable from the start counts as away after 500 ms", async () => {
    const clock = new ManualClock();
    const watch = new TestStoreWatch();
    watch.set(false);
    const availability = new StoreAvailability(watch, clock);
    await clock.advance(500);
    expect(availability.state).toBe("away");
  });

  test("a closed StoreAvailability calls no listeners, and its state is away", async () => {
    const { clock, watch, availability, states } = setUp();
    watch.set(false);
    availability.close();
    await clock.advance(1_000);
    watch.set(true);
    expect([states, availability.state]).toEqual([["unreachable"], "away"]);
  });

  test("when a listener throws, the other listeners are still called", () => {
    const { watch, availability, states } = setUp();
    const before: StoreState[] = [];
    availability.onState(() => {
      throw new Error("a fault of a listener");
    });
    availability.onState((state) => before.push(state));
    expect(() => watch.set(false)).toThrow("a fault of a listener");
    expect([states, before]).toEqual([["unreachable"], ["unreachable"]]);
  });

  test("StoreAvailability.of returns an availability unchanged, and wraps a plain watch in a new availability", () => {
    const { availability, watch, clock } = setUp();
    expect(StoreAvailability.of(availability, clock)).toBe(availability);
    expect(StoreAvailability.of(watch, clock)).not.toBe(watch);
  });
});
