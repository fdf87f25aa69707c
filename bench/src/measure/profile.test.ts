import { expect, test } from "vitest";
import { describeProfile } from "./profile.ts";

const frame = (functionName: string, url: string, lineNumber: number) => ({
  functionName,
  url,
  lineNumber,
  columnNumber: 0,
  scriptId: "0",
});

test("describeProfile ranks functions by their self time and leaves out idle time and the profiler", () => {
  const spots = describeProfile({
    startTime: 0,
    endTime: 100,
    nodes: [
      { id: 1, callFrame: frame("(idle)", "", -1) },
      { id: 2, callFrame: frame("flush", "file:///x/packages/core/dist/hub.js", 41) },
      { id: 3, callFrame: frame("", "node:net", 9) },
      { id: 5, callFrame: frame("dispatch", "", -1) },
      { id: 4, callFrame: frame("flush", "file:///x/packages/core/dist/hub.js", 41) },
    ],
    samples: [1, 2, 3, 4, 5],
    timeDeltas: [1_000, 20, 10, 10, 500],
  });
  expect(spots).toEqual([
    { share: 0.75, function: "flush", place: "core/dist/hub.js:42" },
    { share: 0.25, function: "(anonymous)", place: "node:net:10" },
  ]);
});
