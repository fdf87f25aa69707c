import { describe, expect, test } from "vitest";
import { defaultLimits, resolveLimits } from "./limits.ts";

describe("limits of a node", () => {
  test("a limit that is not set has its default", () => {
    expect(resolveLimits()).toEqual(defaultLimits);
    expect(resolveLimits({ typingMs: 1 })).toEqual({ ...defaultLimits, typingMs: 1 });
  });

  test("the former name maxOutboxBytes sets maxSendQueueBytes, unless that is set too", () => {
    expect(resolveLimits({ maxOutboxBytes: 5 })).toEqual({
      ...defaultLimits,
      maxSendQueueBytes: 5,
    });
    expect(resolveLimits({ maxOutboxBytes: 5, maxSendQueueBytes: 7 }).maxSendQueueBytes).toBe(7);
  });
});
