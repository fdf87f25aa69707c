import { performance } from "node:perf_hooks";
import { afterEach, expect, test, vi } from "vitest";
import { ProcessReporter } from "./process-report.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("[P-CONN-7] figures of a process that are read again within a second stay as they are, and cover the time since then later", () => {
  const now = vi.spyOn(performance, "now").mockReturnValue(5_000);
  const reporter = new ProcessReporter();
  now.mockReturnValue(7_000);
  const first = reporter.read();
  now.mockReturnValue(7_999);
  expect(reporter.read()).toBe(first);
  now.mockReturnValue(8_000);
  expect(reporter.read()).not.toBe(first);
  reporter.close();
});
