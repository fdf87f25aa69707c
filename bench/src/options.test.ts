import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

test("readOptions without arguments chooses the default workloads and default values", () => {
  expect(readOptions([])).toMatchObject({
    workloads: ["fanout", "burst", "memory"],
    targets: undefined,
    rounds: 5,
    seconds: 5,
    subscribers: 1_000,
    rate: undefined,
    json: false,
  });
});

test("readOptions reads workloads, targets and numbers", () => {
  expect(
    readOptions(["burst", "--targets", "floor,ws", "--rounds=2", "--rate=20", "--json"]),
  ).toMatchObject({
    workloads: ["burst"],
    targets: ["floor", "ws"],
    rounds: 2,
    rate: 20,
    json: true,
  });
});

test.each([
  [["sprint"], 'no workload "sprint"'],
  [["--targets", "floor,toString"], 'no target "toString"'],
  [["--rounds", "0"], "--rounds must be a whole number from 1 to 100"],
  [["--rate", "fast"], "--rate must be a whole number"],
  [["--subscribers", "20000"], "from 1 to 19000"],
  [["fanout", "--targets", "milepost-own"], "target milepost-own runs in the workload memory only"],
  [["--unknown"], "Unknown option"],
])("readOptions refuses %j and says what to do", (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
});
