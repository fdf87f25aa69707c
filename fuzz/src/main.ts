#!/usr/bin/env node
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const [frames, seed] = [Number(values.frames), Number(values.seed)];
if (!(Number.isInteger(frames) && frames > 0 && Number.isInteger(seed) && seed >= 0)) {
  process.stderr.write(
    "fuzz: --frames and --seed must be whole numbers, such as --frames 100000\n",
  );
  process.exit(2);
}

const began = performance.now();
let shownAt = began;
const { sent, faults } = await fuzz({
  frames,
  seed,
  onProgress(sent) {
    if (performance.now() - shownAt < 10_000) return;
    shownAt = performance.now();
    process.stderr.write(`${sent} frames\n`);
  },
});
const seconds = (performance.now() - began) / 1_000;
process.stdout.write(
  `${sent} frames in ${seconds.toFixed(1)} s with --seed ${seed}: ${faults.length === 0 ? "no fault" : "faults"}\n`,
);
for (const what of faults) process.stdout.write(`  ${what}\n`);
process.exit(faults.length === 0 ? 0 : 1);
