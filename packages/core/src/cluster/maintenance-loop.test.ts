import { memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { TimerWheel } from "../runtime/timer-wheel.ts";
import { MaintenanceLoop } from "./maintenance-loop.ts";

/** Nodes that share one clock and one set of leases, each with its counts of work. */
function cluster() {
  const clock = new ManualClock();
  const { leases } = memoryEngine()({ clock, random: new SeededRandom() });
  const errors: unknown[] = [];
  const start = (sweep?: () => Promise<void>) => {
    const wheel = new TimerWheel(clock, (error) => errors.push(error));
    const counts = { heartbeats: 0, sweeps: 0 };
    const work = {
      heartbeat: [async () => counts.heartbeats++],
      sweep: [
        async () => {
          counts.sweeps++;
          await sweep?.();
        },
      ],
    };
    const loop = new MaintenanceLoop(wheel, leases, work, (error) => errors.push(error));
    loop.onDue();
    return { counts, loop, die: () => wheel.close() };
  };
  return { clock, leases, errors, start };
}

test("[G9] another node sweeps within ten seconds of the death of the node that swept", async () => {
  const { clock, start } = cluster();
  const first = start();
  await clock.settle();
  const second = start();
  await clock.advance(6_000);
  expect(first.counts.sweeps).toBeGreaterThan(0);
  expect(second.counts.sweeps).toBe(0);
  first.die();
  await clock.advance(10_000);
  expect(second.counts.sweeps).toBeGreaterThan(0);
});

test("[C12] a node that stops releases the sweep lease, so that another node sweeps next", async () => {
  const { clock, start } = cluster();
  const first = start();
  await clock.settle();
  const second = start();
  await clock.settle();
  await first.loop.close();
  await clock.advance(2_000);
  expect(second.counts.sweeps).toBe(1);
});

test("a node sweeps at each heartbeat, every two seconds, with one and the same lease", async () => {
  const { clock, leases, start } = cluster();
  const node = start();
  await clock.settle();
  const lease = await leases.get("sweep");
  await clock.advance(20_000);
  expect(node.counts).toEqual({ heartbeats: 11, sweeps: 11 });
  expect(await leases.get("sweep")).toMatchObject({ token: lease?.token, fence: lease?.fence });
});

test("[G6] a sweep that takes long delays neither heartbeats nor runs beside another sweep", async () => {
  const { clock, start } = cluster();
  let release = () => {};
  const node = start(
    () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  );
  await clock.advance(20_000);
  expect(node.counts).toEqual({ heartbeats: 11, sweeps: 1 });
  release();
  await clock.advance(2_000);
  expect(node.counts.sweeps).toBe(2);
});
