import { describe, expect, it } from "vitest";
import { ManualClock } from "../testing/index.ts";
import { type Transport, transportNames } from "./transport.ts";
import { TransportFallback } from "./transport-fallback.ts";
import { TransportTrial } from "./transport-trial.ts";

function setUp() {
  const [first, ...others] = transportNames.map(
    (name): Transport => ({
      name,
      open() {
        throw new Error("nothing is opened here");
      },
    }),
  );
  if (first === undefined) throw new Error("there are no transports");
  const clock = new ManualClock();
  const fallback = new TransportFallback([first, ...others]);
  const trial = new TransportTrial(fallback, clock);
  return {
    /** Runs two connections and returns the transport that comes next. */
    async twice(run: (trial: TransportTrial, clock: ManualClock) => void | Promise<void>) {
      for (let i = 0; i < 2; i++) {
        trial.begin();
        await run(trial, clock);
      }
      return fallback.current.name;
    },
  };
}

describe("the trial of a transport", () => {
  it("[C13] connections that work and are soon lost, four in a row, count against their transport", async () => {
    const world = setUp();
    const live = (lifeMs: number) =>
      world.twice(async (trial, clock) => {
        trial.welcomed();
        trial.answered();
        await clock.advance(lifeMs);
        trial.lost(1006);
      });
    expect(await live(3_000)).toBe("websocket");
    expect(await live(30_000)).toBe("websocket");
    expect(await live(3_000)).toBe("websocket");
    expect(await live(3_000)).toBe("sse");
    expect(await live(3_000)).toBe("sse");
    expect(await live(3_000)).toBe("poll");
  });

  it.each([1006, 1000, 1001, 1005, 1011, 1012, 4003, 4408])(
    "a connection that ends with %i before any answer counts against its transport, welcomed or not",
    async (code) => {
      expect(await setUp().twice((trial) => trial.lost(code))).toBe("sse");
      const welcomed = await setUp().twice((trial) => {
        trial.welcomed();
        trial.lost(code);
      });
      expect(welcomed).toBe("sse");
    },
  );

  it.each([1013, 4000, 4001, 4002, 4050, 4101, 4102])(
    "a connection that the gateway itself closes with %i does not count against its transport",
    async (code) => {
      expect(await setUp().twice((trial) => trial.lost(code))).toBe("websocket");
    },
  );

  it("a connection with an answer has passed, however soon it ends", async () => {
    const current = await setUp().twice((trial) => {
      trial.welcomed();
      trial.answered();
      trial.lost(1006);
    });
    expect(current).toBe("websocket");
  });

  it("a connection without an answer passes by living for 30 s, unless it ends in silence", async () => {
    const live = (ms: number, code: number) =>
      setUp().twice(async (trial, clock) => {
        trial.welcomed();
        await clock.advance(ms);
        trial.lost(code);
      });
    expect(await live(29_999, 1006)).toBe("sse");
    expect(await live(30_000, 1006)).toBe("websocket");
    expect(await live(60_000, 4003)).toBe("sse");
  });

  it("the pass of one connection does not carry over to the next", async () => {
    let count = 0;
    const at = setUp();
    const run = (trial: TransportTrial) => {
      trial.welcomed();
      if (++count === 1) trial.answered();
      trial.lost(1006);
    };
    expect(await at.twice(run)).toBe("websocket");
    expect(await at.twice(run)).toBe("sse");
  });
});
