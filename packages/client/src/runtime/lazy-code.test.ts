import { expect, it } from "vitest";
import { lazyCode } from "./lazy-code.ts";

it("code is loaded once for all callers, and is there from then on", async () => {
  let loads = 0;
  const code = lazyCode(async () => ++loads);
  expect(code.loaded).toBeUndefined();
  expect(await Promise.all([code.load(), code.load()])).toEqual([1, 1]);
  expect([await code.load(), code.loaded]).toEqual([1, 1]);
});

it("code that could not be loaded is `unavailable` for all who waited, and is loaded again for the next", async () => {
  let loads = 0;
  const cause = new TypeError("Failed to fetch dynamically imported module");
  const code = lazyCode(async () => {
    if (++loads === 1) throw cause;
    return "code";
  });
  const failing = [code.load(), code.load()];
  for (const one of failing) {
    await expect(one).rejects.toMatchObject({ code: "unavailable", retryable: true, cause });
  }
  expect([loads, code.loaded]).toEqual([1, undefined]);
  expect(await code.load()).toBe("code");
});
