import { memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import type { OperationState } from "@milepost/model";
import { expect, test } from "vitest";
import { OperationLeases } from "./operation-leases.ts";

function setUp() {
  const clock = new ManualClock();
  const { leases: store } = memoryEngine()({ clock, random: new SeededRandom() });
  return { clock, leases: new OperationLeases(store, clock) };
}

const operation = { id: "9", producer_id: "worker" } as OperationState;

test("an operation that begins where another one held the lease has its own length of lease", async () => {
  const { leases } = setUp();
  await leases.begin("9", "w", 60_000);
  expect(await leases.begin("9", "w", 5_000)).toMatchObject({ ttlMs: 5_000, fence: 2 });
});

test("a takeover without a length keeps the length of the lease, and raises the fence", async () => {
  const { leases } = setUp();
  expect(await leases.take("9", "w")).toMatchObject({ ttlMs: 30_000, fence: 1 });
  const lease = await leases.take("9", "w", 5_000);
  const taken = await leases.take("9", "w");
  expect(taken).toMatchObject({ ttlMs: 5_000, fence: 3 });
  await expect(leases.renew("9", lease.token)).rejects.toMatchObject({ code: "stale_lease" });
  expect(await leases.renew("9", taken.token)).toMatchObject({ fence: 3 });
});

test("[P-OP-8] creating an operation again gives its producer the same lease, and a new one when that has expired or another producer asks", async () => {
  const { clock, leases } = setUp();
  const first = await leases.begin("9", "w", 5_000);
  expect(await leases.again(operation, "worker", "w", 5_000)).toMatchObject({ token: first.token });
  const other = await leases.again(operation, "another", "w", 5_000);
  expect(other.token).not.toBe(first.token);
  await clock.advance(5_000);
  expect((await leases.again(operation, "worker", "w", 5_000)).token).not.toBe(other.token);
});

test("[G9] a wall clock that was set back does not make the last renewal younger than it can be", async () => {
  const { clock, leases } = setUp();
  await leases.begin("9", "w", 5_000);
  const behind = { ...wallClock(clock), now: () => clock.now() - 3_600_000 };
  const { leases: store } = memoryEngine()({ clock, random: new SeededRandom() });
  await store.acquire("operation:9", 5_000);
  const renewal = await new OperationLeases(store, behind).lastRenewal("9");
  expect(renewal).toMatchObject({ at: clock.monotonic(), leaseMs: 5_000 });
});

function wallClock(clock: ManualClock) {
  return {
    monotonic: () => clock.monotonic(),
    after: clock.after.bind(clock),
    soon: clock.soon.bind(clock),
  };
}
