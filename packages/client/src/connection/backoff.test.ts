import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Backoff } from "./backoff.ts";

const retries = fc.integer({ min: 1, max: 10_000 });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the backoff", () => {
  it("[P-CLOSE-1] the reconnect delay stays within a span that doubles up to its maximum, for any random number", () => {
    fc.assert(
      fc.property(retries, chance, (retry, dice) => {
        const delayMs = new Backoff({}, () => dice).delayMs(retry);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(Math.min(16_000, 1_000 * 2 ** (retry - 1)));
      }),
    );
  });

  it("[TRAP-10] the reconnect delay is spread over the whole span, from 0 to its upper bound", () => {
    const at = (dice: number) => new Backoff({}, () => dice).delayMs(3);
    expect([at(0), at(0.25), at(0.75)]).toEqual([0, 1_000, 3_000]);
  });

  it("the reconnect delay follows the backoff options minMs, maxMs and factor", () => {
    const backoff = new Backoff({ minMs: 100, maxMs: 1_000, factor: 3 }, () => 0.5);
    expect([1, 2, 3, 4].map((retry) => backoff.delayMs(retry))).toEqual([50, 150, 450, 500]);
  });

  it("the backoff five-attempts waits 1, 2, 4, 8 and 16 s, whatever the random number, and then gives up", () => {
    fc.assert(
      fc.property(chance, (dice) => {
        const backoff = new Backoff("five-attempts", () => dice);
        expect([1, 2, 3, 4, 5].map((retry) => backoff.delayMs(retry))).toEqual([
          1_000, 2_000, 4_000, 8_000, 16_000,
        ]);
        expect(backoff.attempts).toBe(6);
      }),
    );
  });

  it("[P-CLOSE-2] the backoff five-attempts chooses a random moment of the span that the gateway announced", () => {
    const backoff = new Backoff("five-attempts", () => 0.25);
    expect(backoff.withinMs({ minMs: 100, maxMs: 500 })).toBe(200);
  });

  it("[P-CLOSE-2] the reconnect delay stays within the span that the gateway announced", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), chance, (minMs, lengthMs, dice) => {
        const maxMs = minMs + lengthMs;
        const delayMs = new Backoff({}, () => dice).withinMs({ minMs, maxMs });
        expect(delayMs).toBeGreaterThanOrEqual(minMs);
        expect(delayMs).toBeLessThanOrEqual(maxMs);
      }),
    );
  });
});

it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
  "options of %d count as not given, so that attempts never follow each other without a pause",
  (value) => {
    const wrong = new Backoff({ minMs: value, maxMs: value, factor: value }, () => 0.5);
    const usual = new Backoff({}, () => 0.5);
    for (const retry of [1, 2, 3, 10]) expect(wrong.delayMs(retry)).toBe(usual.delayMs(retry));
  },
);
