import type { PendingCommand, ProducerGateway } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { CommandLoop } from "./command-loop.ts";
import type { Problem } from "./problem.ts";
import { ManualClock } from "./testing/manual-clock.ts";

type Answer = "wait" | "nothing" | "down" | "refuse";

/** Loop whose calls are answered as `answer` says at that time, with the times of the calls. */
function looping() {
  const clock = new ManualClock();
  const calls: number[] = [];
  const problems: Problem[] = [];
  const world = { answer: "wait" as Answer };
  const pendingCommands = (_: unknown, waitMs: number, signal?: AbortSignal) => {
    calls.push(clock.monotonic());
    if (world.answer === "down") {
      return Promise.reject(new MilepostError("store_unavailable", "it is down"));
    }
    if (world.answer === "refuse") {
      return Promise.reject(new MilepostError("unauthenticated", "who are you?"));
    }
    if (world.answer === "nothing") return Promise.resolve([]);
    return new Promise<PendingCommand[]>((resolve, reject) => {
      clock.after(waitMs, () => resolve([]));
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  };
  const loop = new CommandLoop({
    gateway: { pendingCommands } as unknown as ProducerGateway,
    clock,
    random: { fraction: () => 1, id: () => "" },
    producerId: "p",
    onProblem: (problem) => problems.push(problem),
    deliver: () => true,
  });
  return { clock, calls, problems, world, loop };
}

describe("the wait of a producer for commands", () => {
  test("it is asked for again as soon as it has ended, while there is work", async () => {
    const { clock, calls, loop } = looping();
    const release = loop.hold();
    await clock.advance(60_000);
    expect(calls).toEqual([0, 25_000, 50_000]);
    release();
    await clock.advance(100_000);
    expect(calls).toHaveLength(3);
  });

  test("it is not asked for while there is no work, and again when there is", async () => {
    const { clock, calls, world, loop } = looping();
    world.answer = "nothing";
    const first = loop.hold();
    const second = loop.hold();
    await clock.advance(100);
    first();
    first();
    await clock.advance(1_000);
    const before = calls.length;
    expect(before).toBeGreaterThan(2);
    second();
    await clock.advance(60_000);
    expect(calls).toHaveLength(before);
    loop.hold();
    await clock.advance(100);
    expect(calls).toHaveLength(before + 1);
  });

  test("an outage is reported once, and the waits between its calls begin small again after it", async () => {
    const { clock, calls, problems, world, loop } = looping();
    world.answer = "down";
    loop.hold();
    await clock.advance(250 + 500 + 1_000 + 2_000);
    expect(calls).toEqual([0, 250, 750, 1_750, 3_750]);
    expect(problems).toMatchObject([{ code: "store_unavailable", effect: "retrying" }]);
    world.answer = "nothing";
    await clock.advance(4_000);
    world.answer = "down";
    const [recovered] = calls.slice(-1);
    await clock.advance(250);
    const [failed = 0] = calls.slice(-1);
    expect(failed - (recovered ?? 0)).toBe(250);
    await clock.advance(250);
    expect(calls.at(-1)).toBe(failed + 250);
    expect(problems).toHaveLength(2);
  });

  test("a refusal that will not pass is reported and ends the waiting", async () => {
    const { clock, calls, problems, world, loop } = looping();
    world.answer = "refuse";
    loop.hold();
    await clock.advance(60_000);
    expect(calls).toHaveLength(1);
    expect(problems).toMatchObject([{ code: "unauthenticated", effect: "stopped" }]);
  });
});
