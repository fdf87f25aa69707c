import { expect, test } from "vitest";
import { type BrowserRound, browserRow } from "./browser.ts";

const round: BrowserRound = {
  connectMs: [5, 7],
  cpu: 0.01,
  idleCpu: 0,
  grownByClients: 100,
  grownByEvents: -50,
  delivered: 100,
  published: 100,
};

test("the slowest client of all rounds counts, and events that did not arrive are lost", () => {
  const row = browserRow([
    round,
    { ...round, connectMs: [6, 900], cpu: 0.03, delivered: 98 },
    { ...round, cpu: 0.02 },
  ]);
  expect(row.connectMs).toMatchObject({ min: 5, max: 900 });
  expect(row.cpu.median).toBe(0.02);
  expect(row.lost).toBe(2);
});
