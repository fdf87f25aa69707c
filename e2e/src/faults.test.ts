import { faults, runRound } from "@milepost/faults";
import { expect, test } from "vitest";

/** Faults of the short version of `npm run faults`: those that differ most from each other, each once. */
const chosen = [
  "kill-node",
  "redis-killed",
  "redis-flushed",
  "failover",
  "node-cut-off",
  "clients-cut",
];

test
  .skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)
  .for(faults.filter(({ name }) => chosen.includes(name)))(
  "[G1] [G2] [G3] [G4] [G8] three gateways over a real Redis keep every guarantee: $name",
  async (fault) => {
    const { violations, toHeadMs, stored } = await runRound(fault, 1);
    expect(violations).toEqual([]);
    expect(toHeadMs).toBeLessThan(30_000);
    expect(stored).toBeGreaterThan(50);
  },
);
