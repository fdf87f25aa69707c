import { ManualClock } from "@milepost/engine/testing";
import { type OperationState, reduceOperation } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { OperationDeadlines } from "./operation-deadlines.ts";

const timeouts = { commandAckMs: 15_000, commandDoneMs: 60_000 };

/** Returns the state after these events, each of which happened at its time in milliseconds. */
function stateAfter(...events: readonly (readonly [ts: number, event: string, data?: object])[]) {
  let state: OperationState | undefined;
  const all = [[0, "created", { operation_id: "9", kind: "k" }] as const, ...events];
  for (const [i, [ts, event, data = {}]] of all.entries()) {
    state = reduceOperation(state, { event, data, ts, offset: i + 1 });
  }
  if (state === undefined) throw new Error("there is no operation");
  return state;
}

async function watching(clock = new ManualClock()) {
  const began = clock.now();
  const at = clock.monotonic();
  const renewal = { at, leaseMs: 30_000, expiresAt: began + 30_000, fence: 1 };
  const deadlines = new OperationDeadlines("9", "backend", renewal, timeouts, clock, () => {});
  return { clock, deadlines, renewal, began };
}

describe("the deadlines of an operation", () => {
  test("[P-OP-5] [G9] an operation is stalled after one lease of silence and lost after ten", async () => {
    const { clock, deadlines } = await watching();
    const running = stateAfter([0, "started"]);
    const stalled = stateAfter([0, "started"], [1, "stalled", { silent_ms: 30_000 }]);
    expect(deadlines.observe(running)).toBe(30_000);
    expect(deadlines.observe(stalled)).toBe(300_000);
    await clock.advance(29_999);
    expect(deadlines.overdue(running)).toBeUndefined();
    await clock.advance(1);
    expect(deadlines.overdue(running)).toEqual({ event: "stalled", data: { silent_ms: 30_000 } });
    await clock.advance(269_999);
    expect(deadlines.overdue(stalled)).toBeUndefined();
    await clock.advance(1);
    expect(deadlines.overdue(stalled)).toEqual({ event: "lost", data: { silent_ms: 300_000 } });
  });

  test("an operation that has ended has no deadline", async () => {
    const { clock, deadlines } = await watching();
    const done = stateAfter([0, "started"], [1, "done"]);
    await clock.advance(1_000_000);
    expect(deadlines.observe(done)).toBeUndefined();
    expect(deadlines.overdue(done)).toBeUndefined();
  });

  test("[G9] a renewal that is older than the one known does not shorten the lease", async () => {
    const { clock, deadlines, renewal } = await watching();
    await clock.advance(20_000);
    deadlines.renewed({ ...renewal, at: clock.monotonic() });
    deadlines.renewed(renewal);
    expect(deadlines.observe(stateAfter([0, "started"]))).toBe(30_000);
  });

  test("[G9] a renewal at another node counts, and one that is known already changes nothing", async () => {
    const { clock, deadlines, renewal, began } = await watching();
    const running = stateAfter([0, "started"]);
    await clock.advance(20_000);
    deadlines.renewedElsewhere({ ...renewal, at: clock.monotonic() });
    expect(deadlines.observe(running)).toBe(10_000);
    deadlines.renewedElsewhere({
      ...{ at: clock.monotonic(), leaseMs: 40_000, expiresAt: began + 60_000, fence: 2 },
    });
    expect(deadlines.observe(running)).toBe(40_000);
    expect(deadlines.fence).toBe(2);
  });

  test("[P-CMD-3] a command times out 15 s after its request and 60 s after its acknowledgement, and never once it is settled", async () => {
    const { clock, deadlines, renewal } = await watching();
    const asked = { command_id: "c", command: "cancel" };
    const at = clock.now();
    const requested = [at, "command", { ...asked, phase: "requested" }] as const;
    const acknowledged = [at + 10_000, "command", { ...asked, phase: "acknowledged" }] as const;
    const done = [at + 20_000, "command", { ...asked, phase: "done" }] as const;
    const timedOut = { event: "command", data: { ...asked, phase: "timed_out" } };
    const live = () => deadlines.renewed({ ...renewal, at: clock.monotonic() });
    const first = stateAfter(requested);
    expect(deadlines.observe(first)).toBe(15_000);
    await clock.advance(10_000);
    expect(deadlines.overdue(first)).toBeUndefined();
    const second = stateAfter(requested, acknowledged);
    deadlines.observe(second);
    await clock.advance(5_000);
    expect(deadlines.overdue(second)).toBeUndefined();
    await clock.advance(54_999);
    live();
    expect(deadlines.overdue(second)).toBeUndefined();
    await clock.advance(1);
    expect(deadlines.overdue(second)).toEqual(timedOut);
    const third = stateAfter(requested, acknowledged, done);
    deadlines.observe(third);
    live();
    expect(deadlines.overdue(third)).toBeUndefined();
    expect(deadlines.observe(third)).toBe(30_000);
  });
});
