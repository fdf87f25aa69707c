import { runKills } from "@milepost/faults";
import { expect, test } from "vitest";

test("[P-DATA-2] [G2] [G3] [G4] [G11] a gateway that is killed five times under load loses nothing that it acknowledged", async () => {
  const { violations, stored, acknowledged, resets } = await runKills(5, 1);
  expect(violations).toEqual([]);
  expect(resets).toBe(0);
  expect(stored).toBeGreaterThan(50);
  expect(acknowledged).toBeGreaterThan(10);
});
