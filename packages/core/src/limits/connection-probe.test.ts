import { ManualClock } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import type { ConnectedClient } from "../connection/connected-client.ts";
import { probeConnections } from "./connection-probe.ts";

test("[P-ADM-7] a probe whose looks all come late drops a silent connection after 2 s and one look at most", async () => {
  const clock = new ManualClock();
  const closes: (readonly [number, number])[] = [];
  const silent: Partial<ConnectedClient> = {
    principal: { kind: "user", user: "ada" } as NonNullable<ConnectedClient["principal"]>,
    isOpen: true,
    probe() {},
    isAliveSince: () => false,
    close: (code) => closes.push([code, clock.monotonic()]),
    abandon() {},
  };
  // The timers of a busy node run late, each time.
  const wheel = { pause: (delayMs: number) => clock.advance(delayMs + 80) };
  const connections = { staying: [silent as ConnectedClient] };
  await probeConnections({ clock, wheel, connections }, { user: "ada" });
  expect(closes).toEqual([[4003, expect.any(Number)]]);
  expect(closes[0]?.[1]).toBeGreaterThanOrEqual(2_000);
  expect(closes[0]?.[1]).toBeLessThanOrEqual(2_180);
});
