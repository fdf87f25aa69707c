import { expect, test } from "vitest";
import {
  cpuSeconds,
  parseCpuSeconds,
  parseMachineCpuSeconds,
  parseResidentBytes,
  runningSeconds,
} from "./process-usage.ts";

test("parseCpuSeconds reads user and system time after a command name with spaces and parentheses", () => {
  const stat =
    "4242 (node (a) b) S 1 4242 4242 0 -1 4194304 9000 0 3 0 150 25 7 8 20 0 11 0 5000 1 2";
  expect(parseCpuSeconds(stat)).toBe(1.75);
});

test("parseCpuSeconds refuses a text that is not a /proc/<pid>/stat", () => {
  expect(() => parseCpuSeconds("nonsense")).toThrow("not the text of");
});

test("parseResidentBytes returns the resident size in bytes", () => {
  expect(parseResidentBytes("VmPeak:\t  100 kB\nVmRSS:\t   2048 kB\nRssAnon:\t 1 kB\n")).toBe(
    2048 * 1024,
  );
});

test.skipIf(process.platform !== "linux")(
  "the CPU time of this process grows while it works",
  () => {
    const before = cpuSeconds(process.pid);
    while (cpuSeconds(process.pid) <= before);
    expect(cpuSeconds(process.pid)).toBeGreaterThan(before);
  },
);

test("parseMachineCpuSeconds adds up the time of all cores, with interrupts and without idle time", () => {
  const stat = "cpu  100 20 3 9000 700 40 5 6 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 17\n";
  expect(parseMachineCpuSeconds(stat)).toBe(1.68);
  expect(() => parseMachineCpuSeconds("cpu0 1 2 3\n")).toThrow("not the text of a /proc/stat");
});

test.skipIf(process.platform !== "linux")(
  "runningSeconds counts the time of all threads in less than a millisecond's steps",
  () => {
    const [before, cpuBefore] = [runningSeconds(process.pid), cpuSeconds(process.pid)];
    const start = process.cpuUsage();
    while (process.cpuUsage(start).user < 1_000);
    const ran = runningSeconds(process.pid) - before;
    expect(ran).toBeGreaterThan(0);
    expect(ran).toBeLessThan(cpuSeconds(process.pid) - cpuBefore + 1);
  },
);
