import { expect, test } from "vitest";
import { isPace, tempoOf } from "./pace.ts";

test("full speed waits for nothing but gives way to everything else now and then", async () => {
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

test("a pace rejects with the reason once its signal aborts, also while it holds work back", async () => {
  const controller = new AbortController();
  const tempo = tempoOf("slow", () => 0);
  await tempo.next(controller.signal);
  const held = expect(tempo.next(controller.signal)).rejects.toThrow();
  controller.abort(new Error("enough"));
  await held;
  await expect(tempo.next(controller.signal)).rejects.toThrow("enough");
});

test("only the names of paces are paces", () => {
  expect(["full", "watchable", "slow"].every(isPace)).toBe(true);
  expect([undefined, 5, "warp", "toString", "constructor"].some(isPace)).toBe(false);
});
