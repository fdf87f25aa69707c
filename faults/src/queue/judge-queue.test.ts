import { expect, test } from "vitest";
import { judgeQueue, type QueueLine } from "./judge-queue.ts";

const joined: QueueLine = { kind: "joined", ticket: "t", owner: "ada" };
const end: QueueLine = { kind: "end", ticket: "t", state: "finished" };

function claimed(fence: number, from: number, worker = "w"): QueueLine {
  return { kind: "claimed", ticket: "t", worker, fence, lease_ms: 1_000, from, to: from + 10 };
}

function finish(fence: number, from: number, status?: number): QueueLine {
  const rest = status === undefined ? {} : { status };
  return { kind: "finish", ticket: "t", worker: "w", fence, from, to: from + 10, ...rest };
}

test("a run in which a ticket was lost by one worker and finished by the next is good", () => {
  const lines = [joined, claimed(1, 0), claimed(2, 1_000, "v"), finish(1, 1_100, 409)];
  expect(judgeQueue([...lines, finish(2, 1_200), finish(2, 1_300, 200), end])).toEqual([]);
});

test("a repeated claim may have its old fence again", () => {
  expect(judgeQueue([joined, claimed(1, 0), claimed(1, 50), finish(1, 100, 200), end])).toEqual([]);
});

test.each<[string, readonly QueueLine[]]>([
  ["is lost", [joined, claimed(1, 0), finish(1, 5)]],
  ["is lost", [joined, claimed(1, 0), finish(1, 5), { kind: "end", ticket: "t", state: "failed" }]],
  ["no worker finished it", [joined, end]],
  [
    "before the lease of w ended",
    [joined, claimed(1, 0), claimed(2, 900), finish(2, 950, 200), end],
  ],
  [
    "under 2 fences",
    [joined, claimed(1, 0), finish(1, 5, 200), claimed(2, 2_000), finish(2, 2_010, 200), end],
  ],
  [
    "had taken it over",
    [joined, claimed(1, 0), claimed(2, 2_000, "v"), finish(1, 2_050, 200), end],
  ],
  ["was given out after", [joined, claimed(5, 0), claimed(2, 2_000), finish(2, 2_050, 200), end]],
  ["has two tickets", [joined, { ...joined, ticket: "u" }]],
])("a run in which a ticket %s is not good", (says, lines) => {
  expect(judgeQueue(lines).join("; ")).toContain(says);
});
