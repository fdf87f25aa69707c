import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BreakerOptions, CircuitBreaker, type Permit } from "./circuit-breaker.ts";

function breakerOf(options: BreakerOptions = {}) {
  const clock = new ManualClock();
  return { clock, breaker: new CircuitBreaker(options, clock, new SeededRandom(7)) };
}

function taken(breaker: CircuitBreaker): Permit {
  const permit = breaker.take();
  if (permit === undefined) throw new Error(`refused for ${breaker.retryAfterMs} ms`);
  return permit;
}

function fail(breaker: CircuitBreaker, times: number): void {
  for (let i = 0; i < times; i++) breaker.failed(taken(breaker));
}

describe("a circuit breaker", () => {
  test("a circuit breaker opens after the configured number of failures in a row and reports the time until the next probe", () => {
    const { breaker } = breakerOf();
    fail(breaker, 4);
    breaker.succeeded(taken(breaker));
    fail(breaker, 4);
    expect(breaker.state).toBe("closed");
    fail(breaker, 1);
    expect(breaker.state).toBe("open");
    expect(breaker.take()).toBeUndefined();
    expect(breaker.retryAfterMs).toBeGreaterThanOrEqual(500);
    expect(breaker.retryAfterMs).toBeLessThanOrEqual(1_000);
  });

  test("a circuit breaker opens when too large a share of the calls in a window fails, even without many failures in a row", async () => {
    const { breaker, clock } = breakerOf();
    const alternate = (times: number) => {
      for (let i = 0; i < times; i++) {
        breaker.succeeded(taken(breaker));
        fail(breaker, 1);
      }
    };
    alternate(9);
    // Failures older than the window do not count.
    await clock.advance(10_001);
    alternate(9);
    expect(breaker.state).toBe("closed");
    alternate(1);
    expect(breaker.state).toBe("open");
  });

  test("a circuit breaker lets one probe through after its delay and closes when the probe succeeds", async () => {
    const { breaker, clock } = breakerOf();
    fail(breaker, 5);
    await clock.advance(breaker.retryAfterMs);
    const probe = taken(breaker);
    expect(breaker.state).toBe("half_open");
    expect(breaker.take()).toBeUndefined();
    expect(breaker.retryAfterMs).toBeGreaterThan(0);
    breaker.succeeded(probe);
    expect(breaker.state).toBe("closed");
    // The failure count starts from zero again.
    fail(breaker, 4);
    expect(breaker.state).toBe("closed");
  });

  test("a circuit breaker doubles its delay with each failed probe, up to maxOpenMs", async () => {
    const { breaker, clock } = breakerOf();
    fail(breaker, 5);
    for (const longestMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      expect(breaker.retryAfterMs).toBeGreaterThanOrEqual(longestMs / 2);
      expect(breaker.retryAfterMs).toBeLessThanOrEqual(longestMs);
      await clock.advance(breaker.retryAfterMs);
      fail(breaker, 1);
      expect(breaker.state).toBe("open");
    }
  });

  test("a circuit breaker makes the next call the probe when the permit of a probe is returned without a result", async () => {
    const { breaker, clock } = breakerOf();
    fail(breaker, 5);
    await clock.advance(breaker.retryAfterMs);
    breaker.released(taken(breaker));
    expect(breaker.state).toBe("half_open");
    breaker.succeeded(taken(breaker));
    expect(breaker.state).toBe("closed");
  });

  test("a circuit breaker ignores results of calls that began in an earlier state", async () => {
    const { breaker, clock } = breakerOf();
    const early = [taken(breaker), taken(breaker), taken(breaker)] as const;
    fail(breaker, 5);
    breaker.succeeded(early[0]);
    expect(breaker.state).toBe("open");
    await clock.advance(breaker.retryAfterMs);
    const probe = taken(breaker);
    breaker.failed(early[1]);
    breaker.released(early[2]);
    expect(breaker.state).toBe("half_open");
    expect(breaker.take()).toBeUndefined();
    breaker.succeeded(probe);
    expect(breaker.state).toBe("closed");
  });

  test("a circuit breaker that waits for its probe is not closed by a call from before it opened", async () => {
    const { breaker, clock } = breakerOf();
    const early = taken(breaker);
    fail(breaker, 5);
    await clock.advance(breaker.retryAfterMs);
    const probe = taken(breaker);
    breaker.succeeded(early);
    expect(breaker.state).toBe("half_open");
    breaker.failed(probe);
    expect(breaker.state).toBe("open");
  });

  test("a circuit breaker that has closed opens for its shortest time again", async () => {
    const { breaker, clock } = breakerOf();
    fail(breaker, 5);
    for (let probes = 0; probes < 4; probes++) {
      await clock.advance(breaker.retryAfterMs);
      fail(breaker, 1);
    }
    await clock.advance(breaker.retryAfterMs);
    breaker.succeeded(taken(breaker));
    fail(breaker, 5);
    expect(breaker.retryAfterMs).toBeLessThanOrEqual(1_000);
  });

  test("the circuit breakers of several nodes do not probe a backend at the same moment", () => {
    const clock = new ManualClock();
    const waits = [0, 0.25, 0.5, 0.75].map((fraction) => {
      const breaker = new CircuitBreaker({}, clock, { fraction: () => fraction });
      fail(breaker, 5);
      return breaker.retryAfterMs;
    });
    expect(waits).toEqual([500, 625, 750, 875]);
  });

  test("after any calls, an open circuit breaker passes none, a half-open one passes one probe, and it can always close again", () => {
    const step = fc.oneof(
      fc.constant({ kind: "take" as const }),
      fc.record({
        kind: fc.constantFrom("succeeded" as const, "failed" as const, "released" as const),
        which: fc.nat(30),
      }),
      fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(5_000) }),
    );
    const timed = { now: 0, monotonic: () => timed.now };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
        const random = new SeededRandom(seed);
        const breaker = new CircuitBreaker({ failuresInRow: 3, minCalls: 6 }, timed, random);
        const out: { permit: Permit; probe: boolean }[] = [];
        for (const { kind, ...rest } of steps) {
          if (kind === "wait") timed.now += "ms" in rest ? rest.ms : 0;
          else if (kind === "take") {
            const { state, retryAfterMs } = breaker;
            const permit = breaker.take();
            expect(permit === undefined).toBe(retryAfterMs > 0);
            if (permit === undefined) expect(state).not.toBe("closed");
            else out.push({ permit, probe: breaker.state === "half_open" });
          } else if ("which" in rest && out.length > 0) {
            const [handed] = out.splice(rest.which % out.length, 1);
            if (handed !== undefined) breaker[kind](handed.permit);
          }
          if (breaker.state === "half_open") {
            const present = out.at(-1)?.permit.stretch;
            const probes = out.filter(({ permit, probe }) => probe && permit.stretch === present);
            expect(probes.length).toBeLessThanOrEqual(1);
          }
          expect(breaker.retryAfterMs).toBeLessThanOrEqual(30_000);
        }
        for (const { permit } of out) breaker.succeeded(permit);
        timed.now += 30_000;
        breaker.succeeded(taken(breaker));
        breaker.succeeded(taken(breaker));
        expect(breaker.state).toBe("closed");
      }),
    );
  });
});
