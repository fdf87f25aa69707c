import { describe, expect, it } from "vitest";
import { type Transport, type TransportName, transportNames } from "./transport.ts";
import { TransportFallback } from "./transport-fallback.ts";

function unopenable(name: TransportName): Transport {
  return {
    name,
    open() {
      throw new Error("nothing is opened here");
    },
  };
}

function fallback() {
  const [first, ...others] = transportNames.map(unopenable);
  if (first === undefined) throw new Error("there are no transports");
  return new TransportFallback([first, ...others]);
}

function fail(of: TransportFallback, times: number): TransportName {
  for (let n = 0; n < times; n++) of.failed();
  return of.current.name;
}

describe("the transport fallback", () => {
  it("the client falls back to the next transport after two failures in a row, and from the last one to the first", () => {
    const down = fallback();
    expect(down.isBelow).toBe(false);
    expect(fail(down, 1)).toBe("websocket");
    expect(fail(down, 1)).toBe("sse");
    expect(down.isBelow).toBe(true);
    expect(fail(down, 2)).toBe("poll");
    expect(fail(down, 2)).toBe("websocket");
  });

  it("a transport that has connected before is replaced only after five failures, so a restarting node causes no fallback", () => {
    const proven = fallback();
    proven.succeeded();
    expect(fail(proven, 4)).toBe("websocket");
    proven.succeeded();
    expect(fail(proven, 4)).toBe("websocket");
    expect(fail(proven, 1)).toBe("sse");
    expect(fail(proven, 2)).toBe("poll");
  });

  it("a transport that has worked before is replaced after two failures that followed a welcome", () => {
    const proven = fallback();
    proven.succeeded();
    proven.failed(true);
    expect(proven.current.name).toBe("websocket");
    proven.failed(true);
    expect(proven.current.name).toBe("sse");
  });

  it("the fallback returns to a better transport once that has worked in the background", () => {
    const upgraded = fallback();
    const best = upgraded.current;
    expect(fail(upgraded, 2)).toBe("sse");
    const second = upgraded.current;
    expect(fail(upgraded, 2)).toBe("poll");
    upgraded.upgraded(second);
    expect([upgraded.current, upgraded.isBelow]).toEqual([second, true]);
    upgraded.upgraded(best);
    expect([upgraded.current, upgraded.isBelow]).toEqual([best, false]);
    expect(fail(upgraded, 4)).toBe("websocket");
  });

  it("the better transports are tried in turn, the best first", () => {
    const down = fallback();
    const tried = () => [0, 1, 2, 3].map((n) => down.better(n).name);
    fail(down, 2);
    expect(tried()).toEqual(["websocket", "websocket", "websocket", "websocket"]);
    fail(down, 2);
    expect(tried()).toEqual(["websocket", "sse", "websocket", "sse"]);
  });
});
