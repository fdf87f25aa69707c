import { expect, it } from "vitest";
import { fuzz } from "./fuzz.ts";

const frames = Number(process.env.MILEPOST_FUZZ_FRAMES ?? 100_000);

it("100,000 hostile frames in every dialect cause no crash, no internal error and no harm to another client", async () => {
  const outcome = await fuzz({ frames, seed: 1 });
  expect(outcome.faults).toEqual([]);
  expect(outcome.sent).toBeGreaterThanOrEqual(frames);
}, 600_000);
