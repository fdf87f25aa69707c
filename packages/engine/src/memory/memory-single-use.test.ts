import { expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { MemorySingleUse } from "./memory-single-use.ts";

test("a full space refuses a new name and forgets none, while other spaces still take names", async () => {
  const singleUse = new MemorySingleUse(new ManualClock(), 3);
  for (const name of ["a", "b", "c"]) await singleUse.claim("nonce", name, 1_000);
  const full = { code: "rate_limited", retryable: true };
  await expect(singleUse.claim("nonce", "d", 1_000)).rejects.toMatchObject(full);
  for (const name of ["a", "b", "c"]) expect(await singleUse.claim("nonce", name, 1)).toBe(false);
  expect(await singleUse.claim("ticket", "a", 1_000)).toBe(true);
});

test("a full space has room again once any of its names has ended, whatever their order", async () => {
  const clock = new ManualClock();
  const singleUse = new MemorySingleUse(clock, 4);
  for (const name of ["a", "b", "c"]) await singleUse.claim("nonce", name, 60_000);
  await singleUse.claim("nonce", "short", 1_000);
  await expect(singleUse.claim("nonce", "d", 1_000)).rejects.toThrow();
  await clock.advance(1_000);
  expect(await singleUse.claim("nonce", "d", 60_000)).toBe(true);
  for (const name of ["a", "b", "c", "d"]) {
    expect(await singleUse.claim("nonce", name, 1)).toBe(false);
  }
});
