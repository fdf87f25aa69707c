import fc from "fast-check";
import { expect, test } from "vitest";
import { publisherCount, shareConnections, sourceAddress } from "./plan.ts";
import { profiles } from "./profiles.ts";

test("shares cover every connection once, and no process opens more files than it may", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300_000 }),
      fc.integer({ min: 1, max: 16 }),
      fc.integer({ min: 1_024, max: 30_000 }),
      fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      (connections, cores, maxFiles, wanted) => {
        const shares = shareConnections({ connections }, { cores, maxFiles }, wanted);
        let next = 0;
        for (const share of shares) {
          expect(share.first).toBe(next);
          expect(share.connections).toBeGreaterThan(0);
          expect(share.connections).toBeLessThanOrEqual(maxFiles - 200);
          next += share.connections;
        }
        expect(next).toBe(connections);
      },
    ),
  );
});

test("48,000 connections at 20,000 files a process take three processes", () => {
  const shares = shareConnections({ connections: 48_000 }, { cores: 2, maxFiles: 20_000 });
  expect(shares.map(({ connections }) => connections)).toEqual([16_000, 16_000, 16_000]);
});

test("connections on loopback leave from as many addresses as the limit of the gateway asks for", () => {
  const used = new Map<string | undefined, number>();
  for (let i = 0; i < 50_000; i++) {
    const address = sourceAddress(i, true, []);
    used.set(address, (used.get(address) ?? 0) + 1);
  }
  expect(Math.max(...used.values())).toBeLessThan(1_000);
  expect([...used.keys()].every((address) => /^127\.0\.1\.\d+$/.test(address ?? ""))).toBe(true);
  expect(sourceAddress(5, false, [])).toBeUndefined();
  expect(sourceAddress(5, true, ["10.0.0.1", "10.0.0.2"])).toBe("10.0.0.2");
});

test("each channel is published by one process, and there are no more of them than channels", () => {
  expect(publisherCount({ ...profiles["1k"], rate: 0 })).toBe(0);
  expect(publisherCount(profiles["50k"])).toBe(1);
  expect(publisherCount({ ...profiles["1k"], rate: 20_000, channels: 3 })).toBe(3);
});
