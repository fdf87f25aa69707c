import { expect, test } from "vitest";
import type { Principal } from "../rules/principal.ts";
import { testCore } from "../testing/index.ts";
import { randomOf, runQuarters } from "../testing/quarter-runs.ts";

test("[P-EST-12] the report has the times of each kind, and the shares of estimates that came out below, inside and above", async () => {
  await using t = testCore();
  const { quarters, normal } = randomOf(7);
  const totals: number[] = [];
  for (let i = 0; i < 60; i++) {
    const parts = quarters(60_000 * Math.exp(0.1 * normal()), 0.1);
    totals.push(parts.reduce((sum, part) => sum + part, 0));
    await runQuarters(t, "index", parts);
  }
  await runQuarters(t, "scan", [1_000, 1_000, 1_000, 1_000]);
  const { kinds, queues } = await t.core.estimates.report(t.service);
  expect(kinds.map(({ kind }) => kind)).toEqual(["scan", "index"]);
  expect(queues).toEqual([]);
  expect(kinds[0]?.estimates).toEqual({
    count: 0,
    below_p50: null,
    below_p90: null,
    inside: null,
  });
  const index = kinds[1];
  const sorted = totals.toSorted((a, b) => a - b);
  expect(index?.duration.count).toBe(60);
  expect(Math.abs((index?.duration.p50_ms ?? 0) - (sorted[29] ?? 0))).toBeLessThan(200);
  expect(Math.abs((index?.duration.p90_ms ?? 0) - (sorted[53] ?? 0))).toBeLessThan(200);
  // The runs after the first five were estimated at their start; each mark is counted by itself.
  expect(index?.by_mark["0"]?.count).toBe(55);
  expect(index?.by_mark["50"]?.count).toBe(55);
  const marks = Object.values(index?.by_mark ?? {});
  expect(index?.estimates.count).toBe(marks.reduce((sum, { count }) => sum + count, 0));
  for (const { below_p50, below_p90, inside } of marks) {
    expect(Math.abs((below_p90 ?? 0) - (below_p50 ?? 0) - (inside ?? 0))).toBeLessThan(0.002);
  }
  expect((await t.core.estimates.report(t.service, { kind: "scan" })).kinds).toHaveLength(1);
  expect((await t.core.estimates.report(t.service, { limit: 1 })).kinds).toHaveLength(1);
  expect((await t.core.estimates.report(t.service, { kind: "none" })).kinds).toEqual([]);
  await expect(t.core.estimates.report(t.service, { limit: 0 })).rejects.toMatchObject({
    code: "bad_message",
  });
  await expect(t.core.estimates.report(t.user("ada"))).rejects.toMatchObject({ code: "forbidden" });
});

test("[P-EST-12] a service asks for the report by estimates.get, and a user is refused", async () => {
  await using t = testCore();
  for (let i = 0; i < 6; i++) await runQuarters(t, "index", [1_000, 1_000, 1_000, 1_000]);
  const ask = async (principal: Principal, params?: object) => {
    const socket = t.connect({ principal });
    await t.clock.settle();
    socket.take();
    socket.send({ type: "request", id: 1, method: "estimates.get", ...(params && { params }) });
    await t.clock.settle();
    return socket.take()[0];
  };
  const report = await t.core.estimates.report(t.service);
  expect(report.kinds).toMatchObject([{ kind: "index", estimates: { count: 5 } }]);
  expect(await ask(t.service)).toMatchObject({ id: 1, result: report });
  expect(await ask(t.service, { kind: "none" })).toMatchObject({ result: { kinds: [] } });
  expect(await ask(t.service, { limit: 0 })).toMatchObject({ error: { code: "bad_message" } });
  expect(await ask(t.user("ada"))).toMatchObject({ error: { code: "forbidden" } });
});
