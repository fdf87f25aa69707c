import { expect, test } from "vitest";
import { PauseGate } from "./pause-gate.ts";
import { promisesSettled } from "./testing/manual-clock.ts";

/** Work that waits at the gate, with how it went on. */
function waiting(gate: PauseGate, signal = new AbortController().signal): string[] {
  const went: string[] = [];
  gate.pass(signal).then(
    () => went.push("on"),
    () => went.push("cancelled"),
  );
  return went;
}

test("work that is paused again before it has gone on stays paused", async () => {
  const gate = new PauseGate();
  gate.close(() => {});
  const went = waiting(gate);
  await promisesSettled();
  gate.open();
  let reached = 0;
  gate.close(() => reached++);
  await promisesSettled();
  expect([went, reached]).toEqual([[], 1]);
  gate.open();
  await promisesSettled();
  expect(went).toEqual(["on"]);
});

test("work that is cancelled while it is paused does not go on", async () => {
  const gate = new PauseGate();
  gate.close(() => {});
  const controller = new AbortController();
  const went = waiting(gate, controller.signal);
  await promisesSettled();
  controller.abort();
  await promisesSettled();
  expect(went).toEqual(["cancelled"]);
});

test("an open gate is passed at once, and only the first piece of work that reaches a closed one is told", async () => {
  const gate = new PauseGate();
  const open = waiting(gate);
  await promisesSettled();
  expect(open).toEqual(["on"]);
  let reached = 0;
  gate.close(() => reached++);
  waiting(gate);
  waiting(gate);
  await promisesSettled();
  expect(reached).toBe(1);
});
