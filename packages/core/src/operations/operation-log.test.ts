import { memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { RuleBook } from "../rules/rule-book.ts";
import { OperationLog } from "./operation-log.ts";

const author = { publisher: "service:backend" };

test("[G1] the state after an append holds the events that another node appended meanwhile", async () => {
  const { log } = memoryEngine()({ clock: new ManualClock(), random: new SeededRandom() });
  const [here, there] = [
    new OperationLog(log, new RuleBook([])),
    new OperationLog(log, new RuleBook([])),
  ];
  const created = { event: "created", data: { operation_id: "9", kind: "k" } } as const;
  const line = (message: string) => ({ event: "log", data: { level: "info", message } }) as const;
  const before = await here.append("9", undefined, created, author);
  await there.append("9", before, line("there"), author);
  const { state } = await here.append("9", before, line("here"), author);
  expect(state.log.map(({ message }) => message)).toEqual(["there", "here"]);
  expect(state).toEqual((await there.read("9"))?.state);
});
