import { expect, test } from "vitest";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock } from "../testing/index.ts";
import { Heartbeat } from "./heartbeat.ts";

function beating() {
  const clock = new ManualClock();
  const done: string[] = [];
  const heartbeat = new Heartbeat(clock, new Schedule(clock), {
    ping: (id) => done.push(`ping ${id}`),
    onRoundTrip: (rttMs) => done.push(`round trip ${rttMs}`),
    onDead: () => done.push("dead"),
  });
  heartbeat.start(30_000);
  return { clock, done, heartbeat };
}

test("only the pong to the last ping measures the round trip", async () => {
  const { clock, done, heartbeat } = beating();
  heartbeat.heard();
  await clock.advance(30_000);
  expect(done).toEqual(["ping 1", "ping 2"]);
  await clock.advance(40);
  heartbeat.pong(1);
  heartbeat.pong("2");
  expect(done).toHaveLength(2);
  heartbeat.pong(2);
  expect(done.at(-1)).toBe("round trip 40");
});

test("a connection on which nothing arrives is dead 10 s after its first ping, an interval after a later one, and 5 s after a probe", async () => {
  const silent = beating();
  await silent.clock.advance(9_999);
  expect(silent.done).toEqual(["ping 1"]);
  await silent.clock.advance(1);
  expect(silent.done).toEqual(["ping 1", "dead"]);
  const fallen = beating();
  fallen.heartbeat.heard();
  await fallen.clock.advance(59_999);
  expect(fallen.done).toEqual(["ping 1", "ping 2"]);
  await fallen.clock.advance(1);
  expect(fallen.done).toEqual(["ping 1", "ping 2", "dead"]);
  const probed = beating();
  probed.heartbeat.heard();
  probed.heartbeat.probe();
  await probed.clock.advance(4_999);
  expect(probed.done).toEqual(["ping 1", "ping 2"]);
  await probed.clock.advance(1);
  expect(probed.done).toEqual(["ping 1", "ping 2", "dead"]);
});
