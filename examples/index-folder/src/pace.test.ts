import { expect, test } from "vitest";
import { isPace, tempoOf } from "./pace.ts";

test("at full speed, tempo.next waits for nothing but yields to the event loop from time to time", async () => {
  let ms = 0;
  const tempo = tempoOf("full", () => ms);
  const { signal } = new AbortController();
  let others = 0;
  setImmediate(() => others++);
  for (let i = 0; i < 5; i++) await tempo.next(signal);
  expect(others).toBe(0);
  ms += 50;
  await tempo.next(signal);
  expect(others).toBe(1);
});

test("tempo.next rejects with the abort's reason, also when the abort comes while it is waiting", async () => {
  const controller = new AbortController();
  const tempo = tempoOf("slow", () => 0);
  await tempo.next(controller.signal);
  const held = expect(tempo.next(controller.signal)).rejects.toThrow();
  controller.abort(new Error("enough"));
  await held;
  await expect(tempo.next(controller.signal)).rejects.toThrow("enough");
});

test("isPace accepts only the names of paces", () => {
  expect(["full", "watchable", "slow"].every(isPace)).toBe(true);
  expect([undefined, 5, "warp", "toString", "constructor"].some(isPace)).toBe(false);
});
