import { expect, it } from "vitest";
import { Asides } from "./upstream-replies.ts";

it("[P-UP-1] a reply goes to whoever asked with its id, in the order of asking, and to nobody else", async () => {
  const asides = new Asides();
  const first = asides.expect(1);
  const second = asides.expect(1);
  const other = asides.expect("1");
  expect(asides.take({ type: "reply", id: 2, result: 0 })).toBe(false);
  expect(asides.take({ type: "reply", id: null, error: gone })).toBe(false);
  expect(asides.take({ type: "ping" })).toBe(false);
  for (const result of ["a", "b"]) expect(asides.take({ type: "reply", id: 1, result })).toBe(true);
  expect(asides.take({ type: "reply", id: 1, result: "c" })).toBe(false);
  expect(asides.take({ type: "pong", id: "1" })).toBe(true);
  expect([await first, await second, await other]).toEqual([
    { type: "reply", id: 1, result: "a" },
    { type: "reply", id: 1, result: "b" },
    { type: "pong", id: "1" },
  ]);
});

it("[P-MSG-4] whoever still waits when the connection ends is told that it may be done", async () => {
  const asides = new Asides();
  const waiting = asides.expect(1);
  asides.close();
  expect(await waiting).toMatchObject({ id: 1, error: { code: "timed_out", retryable: true } });
  expect(asides.take({ type: "reply", id: 1, result: 0 })).toBe(false);
});

const gone = { code: "not_found", message: "", retryable: false } as const;
