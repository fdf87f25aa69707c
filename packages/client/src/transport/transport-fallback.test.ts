import { describe, expect, it } from "vitest";
import { type Transport, type TransportName, transportNames } from "./transport.ts";
import { Ladder } from "./transport-fallback.ts";

function rung(name: TransportName): Transport {
  return {
    name,
    open() {
      throw new Error("nothing is opened here");
    },
  };
}

function ladder() {
  const [first, ...others] = transportNames.map(rung);
  if (first === undefined) throw new Error("there are no transports");
  return new Ladder([first, ...others]);
}

function fail(of: Ladder, times: number): TransportName {
  for (let n = 0; n < times; n++) of.failed();
  return of.current.name;
}

describe("the ladder of transports", () => {
  it("goes down after two failures in a row, and from the last up again", () => {
    const down = ladder();
    expect(down.isBelow).toBe(false);
    expect(fail(down, 1)).toBe("websocket");
    expect(fail(down, 1)).toBe("sse");
    expect(down.isBelow).toBe(true);
    expect(fail(down, 2)).toBe("poll");
    expect(fail(down, 2)).toBe("websocket");
  });

  it("has more patience with one that got through before: a node that restarts is no wall", () => {
    const proven = ladder();
    proven.succeeded();
    expect(fail(proven, 4)).toBe("websocket");
    proven.succeeded();
    expect(fail(proven, 4)).toBe("websocket");
    expect(fail(proven, 1)).toBe("sse");
    expect(fail(proven, 2)).toBe("poll");
  });

  it("is at the best again once that got through in the background", () => {
    const climbed = ladder();
    expect(fail(climbed, 4)).toBe("poll");
    climbed.climbed();
    expect([climbed.current, climbed.isBelow]).toEqual([climbed.best, false]);
    expect(fail(climbed, 4)).toBe("websocket");
  });
});
