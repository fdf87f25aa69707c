import { EventEmitter } from "node:events";
import type { Producer } from "@milepost/producer";
import type { Job, Queue, Worker } from "bullmq";
import { expect, test } from "vitest";
import type { Parents } from "./parents.ts";
import { RunningJobs } from "./running-jobs.ts";

const job = {
  id: "1",
  attemptsStarted: 1,
  stalledCounter: 0,
  opts: {},
  log: async () => 0,
} as unknown as Job;

/** Running jobs of a queue whose answers a test sets, and what was reported of their operations. */
function jobs() {
  const reported: string[] = [];
  const queue = { state: "active", getJobState: async (): Promise<string> => queue.state };
  const driven = {
    id: "operation",
    delivered: new Promise<boolean>(() => {}),
    start: () => ({ signal: new AbortController().signal }),
    finish: (result: unknown) => void reported.push(`done ${result}`),
    release: async () => void reported.push("released"),
  };
  const running = new RunningJobs({
    producer: { drive: () => driven } as unknown as Producer,
    queue: queue as unknown as Queue,
    parents: { remember() {}, forget() {} } as unknown as Parents,
    describe: () => ({ kind: "video", operationId: "operation" }),
    leaseMs: 1_000,
    onError: (error) => void reported.push(`error ${error}`),
    cancelReason: async () => undefined,
  });
  const worker = Object.assign(new EventEmitter(), { opts: {} });
  const attach = () => running.attach(worker as unknown as Worker);
  return { running, queue, worker, attach, reported };
}

test("[P-BUL-1] the end of a job is reported although a look at the queue finds it before the event of the worker", async () => {
  const { running, queue, worker, attach, reported } = jobs();
  attach();
  worker.emit("active", job);
  queue.state = "completed";
  await running.sweep();
  worker.emit("completed", job, "encoded");
  await running.sweep();
  expect(reported).toEqual(["done encoded"]);
});

test("[P-BUL-2] a job that no longer runs is let go at the second look, although no event says so", async () => {
  const { running, queue, worker, attach, reported } = jobs();
  attach();
  worker.emit("active", job);
  queue.state = "delayed";
  await running.sweep();
  expect(reported).toEqual([]);
  await running.sweep();
  expect(reported).toEqual(["released"]);
  expect(running.has("1")).toBe(false);
});

test("[P-BUL-9] a worker that was attached twice or was closed keeps no listeners more than it needs", () => {
  const { worker, attach } = jobs();
  attach();
  attach();
  expect(worker.listenerCount("completed")).toBe(1);
  worker.emit("closed");
  expect(worker.eventNames()).toEqual([]);
});
