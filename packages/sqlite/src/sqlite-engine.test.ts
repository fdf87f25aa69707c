import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  engineContract,
  type MakeEngine,
  ManualClock,
  SeededRandom,
} from "@milepost/engine/testing";
import { afterAll, describe } from "vitest";
import { sqliteEngine } from "./sqlite-engine.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const root = await scratchFolder();
afterAll(() => rm(root, { recursive: true }));

let made = 0;

/** Creates an engine in a folder of its own. No test waits for the disk: `normal` only leaves out the sync. */
const make: MakeEngine = async () => {
  const clock = new ManualClock();
  const seed = ++made;
  const folder = join(root, String(seed));
  const context = { clock, random: new SeededRandom(seed) };
  const engine = sqliteEngine({ folder, durability: "normal" })(context);
  return {
    engine,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => engine.close(),
  };
};

describe("the SQLite engine [P-DATA-1]", () => {
  engineContract("sqlite", make);
});
