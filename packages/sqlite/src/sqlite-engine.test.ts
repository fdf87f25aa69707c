import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  busContract,
  channelLogContract,
  compactedLogContract,
  deadLettersContract,
  deliveriesContract,
  durableSubscribersContract,
  durationsContract,
  holdingsContract,
  inboxContract,
  leasesContract,
  type MakeEngine,
  ManualClock,
  operationIndexContract,
  presenceContract,
  questionsContract,
  queuesContract,
  recordsContract,
  registryContract,
  revocationsContract,
  SeededRandom,
  signalsContract,
  singleUseContract,
  targetsContract,
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
  channelLogContract("sqlite", make);
  compactedLogContract("sqlite", make);
  busContract("sqlite", make);
  presenceContract("sqlite", make);
  durableSubscribersContract("sqlite", make);
  deadLettersContract("sqlite", make);
  leasesContract("sqlite", make);
  operationIndexContract("sqlite", make);
  registryContract("sqlite", make);
  signalsContract("sqlite", make);
  revocationsContract("sqlite", make);
  durationsContract("sqlite", make);
  recordsContract("sqlite", make);
  singleUseContract("sqlite", make);
  holdingsContract("sqlite", make);
  queuesContract("sqlite", make);
  deliveriesContract("sqlite", make);
  targetsContract("sqlite", make);
  inboxContract("sqlite", make);
  questionsContract("sqlite", make);
});
