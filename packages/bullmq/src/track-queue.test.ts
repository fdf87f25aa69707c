import { createClient } from "@milepost/client";
import type { OperationState } from "@milepost/model";
import { startRedis } from "@milepost/redis/testing";
import { createGateway } from "@milepost/server";
import { FlowProducer, type Job, Queue, UnrecoverableError, Worker } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type TrackedQueue, type TrackOptions, trackQueue } from "./index.ts";

const gateway = createGateway({
  auth: { tokenSecret: "s".repeat(32), apiKeys: [{ name: "jobs", key: "k".repeat(32) }] },
  log: { info() {}, warn() {}, error() {} },
});
let redis: Awaited<ReturnType<typeof startRedis>>;
let connection: { readonly host: string; readonly port: number };
let person: ReturnType<typeof createClient>;
let count = 0;

beforeAll(async () => {
  const { port } = await gateway.listen({ port: 0 });
  person = createClient({
    url: `ws://127.0.0.1:${port}/ws`,
    token: () => gateway.mintToken({ user: "ada" }),
    webSocket: WebSocket,
  });
  redis = await startRedis();
  connection = { host: "127.0.0.1", port: redis.port };
});

afterAll(async () => {
  await person.close();
  await gateway.close();
  await redis[Symbol.asyncDispose]();
});

const timing = { leaderMs: 900, sweepMs: 100, placesMs: 5, endMs: 200 };

/** A queue of its own, with its tracker; what is made here ends with the test. */
async function tracked(options: Partial<TrackOptions> = {}) {
  const ends: (() => Promise<unknown>)[] = [];
  const name = `queue-${++count}`;
  const queue = new Queue(name, { connection });
  ends.push(() => queue.close());
  const track = (more: Partial<TrackOptions> = {}): TrackedQueue => {
    const one = trackQueue({
      gateway: gateway.operations,
      queue: name,
      connection,
      timing,
      describe: (job) => ({ user: "ada", title: `Job ${job.name}` }),
      onProblem: () => {},
      ...options,
      ...more,
    });
    ends.push(() => one.close());
    return one;
  };
  const jobs = track();
  const work = (
    run: (job: Job, token?: string, signal?: AbortSignal) => Promise<unknown>,
    more: object = {},
    by = jobs,
  ) => {
    const worker = new Worker(name, run, { connection, drainDelay: 1, ...more });
    worker.on("error", () => {});
    by.attach(worker);
    ends.push(() => worker.close(true));
    return worker;
  };
  const close = async () => {
    for (const end of ends.reverse()) await end();
  };
  return { name, queue, jobs, track, work, [Symbol.asyncDispose]: close };
}

/** Resolves once an operation, as a person sees it, is as wanted. */
function until(id: string, is: (state: OperationState) => boolean): Promise<OperationState> {
  return new Promise((resolve) => {
    const operation = person.operation(id);
    const look = () => {
      const { state } = operation;
      if (state === undefined || !is(state)) return;
      queueMicrotask(() => stop());
      resolve(state);
    };
    const stop = operation.subscribe(look);
    queueMicrotask(look);
  });
}

test("[P-BUL-1] a job waits, runs and ends as one operation, with what its worker reports", async () => {
  await using world = await tracked();
  const { queue, jobs, work } = world;
  const job = await queue.add("encode", {});
  const id = jobs.operationId(job);
  const waiting = await until(id, ({ waiting }) => waiting?.position === 1);
  expect(waiting).toMatchObject({ status: "waiting", kind: world.name, title: "Job encode" });
  work(async (each) => {
    await each.updateProgress(40);
    await each.log("reading");
    jobs.operation(each)?.step("encode", { status: "running" });
    await each.updateProgress({ step: "encode", done: 1, total: 2 });
    return { frames: 7 };
  });
  const done = await until(id, ({ status }) => status === "done");
  expect(done).toMatchObject({ attempt: 1, user_id: "ada", result: { frames: 7 }, percent: 100 });
  expect(done.log.map(({ message }) => message)).toContain("reading");
  expect(done.steps).toMatchObject([{ id: "encode", status: "done" }]);
});

test("[P-BUL-1] the function of a job asks people a question, and goes on with the answer", async () => {
  await using world = await tracked();
  const { queue, jobs, work } = world;
  const job = await queue.add("encode", {});
  const id = jobs.operationId(job);
  work(async (each) => jobs.operation(each)?.ask({ kind: "input", prompt: "Which title?" }));
  const asked = await until(id, ({ questions }) => questions?.[0]?.status === "open");
  const params = { operation_id: id, question_id: asked.questions?.[0]?.id, answer: "A film" };
  await person.request("questions.answer", params);
  const done = await until(id, ({ status }) => status === "done");
  expect(done.result).toBe("A film");
});

/** A promise with its functions, for work that ends when the test says so. */
function gate<T = void>() {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Work that ends once its signal is aborted. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
  });
}

test("[P-BUL-2] all attempts of a job are one operation, which waits between two attempts", async () => {
  await using world = await tracked();
  const { queue, jobs, work } = world;
  const job = await queue.add("encode", {}, { attempts: 3, backoff: 50 });
  const id = jobs.operationId(job);
  const seen: string[] = [];
  person.operation(id).subscribe(() => {
    const { state } = person.operation(id);
    const now = `${state?.status} ${state?.attempt}`;
    if (seen.at(-1) !== now) seen.push(now);
  });
  work(async ({ attemptsMade }) => {
    if (attemptsMade < 2) throw new Error("the disk is full");
    return "encoded";
  });
  const done = await until(id, ({ status }) => status === "done");
  expect(done).toMatchObject({ attempt: 3, result: "encoded" });
  expect(seen).toContain("waiting 1");
  expect(seen).toContain("waiting 2");
  expect(seen).not.toContain("failed 1");
  const warnings = done.log.filter(({ level }) => level === "warning");
  expect(warnings.map(({ message }) => message.slice(0, 39))).toEqual([
    "Attempt 1 of 3 failed: the disk is full",
    "Attempt 2 of 3 failed: the disk is full",
  ]);
});

test("[P-BUL-3] jobs that wait show their place in the real queue, also those that go before others", async () => {
  await using world = await tracked();
  const { queue, jobs, work } = world;
  const hold = gate();
  work(() => hold.opened);
  const first = await queue.add("first", {});
  await until(jobs.operationId(first), ({ status }) => status === "running");
  const low = await queue.add("low", {}, { priority: 9 });
  const high = await queue.add("high", {}, { priority: 1 });
  const [lowId, highId] = [jobs.operationId(low), jobs.operationId(high)];
  const place = (position: number) => (state: OperationState) =>
    state.waiting?.position === position && state.waiting.total === 2;
  await Promise.all([until(highId, place(1)), until(lowId, place(2))]);
  await low.changePriority({ priority: 1, lifo: true });
  await until(lowId, place(1));
  hold.open();
  await Promise.all([lowId, highId].map((id) => until(id, ({ status }) => status === "done")));
});

test("[P-BUL-4] a cancel reaches the job that runs, which is not tried again, and removes one that waits", async () => {
  await using world = await tracked();
  const { queue, jobs, work } = world;
  work(async (_job, _token, signal) => aborted(signal));
  const running = await queue.add("running", {}, { attempts: 5 });
  const waiting = await queue.add("waiting", {});
  const [one, two] = [jobs.operationId(running), jobs.operationId(waiting)];
  await until(one, ({ status }) => status === "running");
  await until(two, ({ waiting }) => waiting?.position === 1);
  await person.operation(two).cancel();
  expect(await until(two, ({ status }) => status === "cancelled")).toMatchObject({
    commands: [{ command: "cancel", phase: "done" }],
  });
  expect(await queue.getJob(waiting.id ?? "")).toBeUndefined();
  await person.operation(one).cancel();
  const cancelled = await until(one, ({ status }) => status === "cancelled");
  expect(cancelled).toMatchObject({ attempt: 1, commands: [{ command: "cancel", phase: "done" }] });
  expect(await running.getState()).toBe("failed");
});

test("[P-BUL-4] a job that failed for good runs again when a person retries it, and can be paused where it lets itself", async () => {
  await using world = await tracked();
  const { queue, jobs, work } = world;
  const job = await queue.add("encode", {}, { attempts: 3 });
  const id = jobs.operationId(job);
  const hold = gate();
  work(async (each) => {
    if (each.attemptsMade === 0) throw new UnrecoverableError("no such file");
    await hold.opened;
    await jobs.operation(each)?.pausePoint();
    return "found";
  });
  expect(await until(id, ({ status }) => status === "failed")).toMatchObject({
    error: { message: "no such file", retryable: true },
  });
  await person.operation(id).retry();
  await until(id, ({ status, attempt }) => status === "running" && attempt === 2);
  const paused = person.operation(id).pause();
  await until(id, ({ commands }) => commands.at(-1)?.phase === "acknowledged");
  hold.open();
  await paused;
  await until(id, ({ status }) => status === "paused");
  await person.operation(id).resume();
  expect(await until(id, ({ status }) => status === "done")).toMatchObject({ result: "found" });
});

test("[P-BUL-5] a flow is a tree of operations, over queues, and a cancel of its root ends all of it", async () => {
  await using stages = await tracked();
  await using films = await tracked();
  const flow = new FlowProducer({ connection });
  const children = ["a", "b"].map((name) => ({ name, queueName: stages.name, data: {} }));
  const { job } = await flow.add({ name: "film", queueName: films.name, data: {}, children });
  const root = films.jobs.operationId(job);
  const begun = await until(
    root,
    ({ children, status, busy }) =>
      children?.total === 2 && status === "running" && busy !== undefined,
  );
  expect(begun).toMatchObject({ status: "running", busy: { reason: "waits for its children" } });
  const [a, b] = (await job.getDependencies()).unprocessed ?? [];
  expect([a, b]).toHaveLength(2);
  const finish = gate();
  stages.work(
    async (each) => {
      if (each.name === "a") await each.updateProgress(100);
      await finish.opened;
    },
    { concurrency: 2 },
  );
  await until(root, ({ percent }) => percent === 50);
  finish.open();
  films.work(async (each) => Object.keys(await each.getChildrenValues()).length);
  expect(await until(root, ({ status }) => status === "done")).toMatchObject({ result: 2 });

  const other = await flow.add({
    name: "film",
    queueName: films.name,
    data: {},
    children: [{ name: "long", queueName: `${stages.name}-long`, data: {} }, ...children],
  });
  const cancelled = films.jobs.operationId(other.job);
  await until(cancelled, ({ status }) => status === "running");
  await person.operation(cancelled).cancel();
  await until(cancelled, ({ status }) => status === "cancelled");
  expect(await other.job.getState()).toBe("unknown");
  await flow.close();
});

test("[P-BUL-6] a job whose worker lost its lock goes on at another worker as the next attempt, and the old one reports nothing more", async () => {
  await using world = await tracked();
  const { queue, jobs, track, work } = world;
  const other = track();
  const [begun, late] = [gate(), gate()];
  const lock = { lockDuration: 300, stalledInterval: 200 };
  const job = await queue.add("encode", {});
  const id = jobs.operationId(job);
  const first = work(
    async (each) => {
      begun.open();
      await late.opened;
      jobs.operation(each)?.error("a word of the dead");
      return "too late";
    },
    { ...lock, skipLockRenewal: true, skipStalledCheck: true },
  );
  await begun.opened;
  await first.pause(true);
  const again = gate();
  work(async () => again.opened.then(() => "in time"), lock, other);
  await until(id, ({ attempt, status }) => attempt === 2 && status === "running");
  late.open();
  again.open();
  const done = await until(id, ({ status }) => status === "done");
  expect(done).toMatchObject({ attempt: 2, result: "in time" });
  const words = done.log.map(({ message }) => message);
  expect(words).toContain("The worker before has stopped; the job begins again");
  expect(words).not.toContain("a word of the dead");
});

test("[P-BUL-6] a worker takes its operation back when something else has taken the lease of its running job", async () => {
  await using world = await tracked();
  const { queue, jobs, work } = world;
  const job = await queue.add("encode", {});
  const id = jobs.operationId(job);
  const hold = gate();
  const signals: AbortSignal[] = [];
  work(async (each) => {
    const signal = jobs.operation(each)?.signal;
    if (signal) signals.push(signal);
    await hold.opened;
    return "mine";
  });
  await until(id, ({ status }) => status === "running");
  const { token } = await gateway.operations.takeOver(id, 30_000);
  const place = { event: "waiting", data: { position: 1, total: 1 } };
  // The worker may take the operation back at any moment from here on, so nobody is sure to see it wait.
  await gateway.operations.report(id, { lease: token, events: [place] });
  const [running] = [await job.getState()];
  expect(running).toBe("active");
  await job.updateProgress(10);
  hold.open();
  expect(await until(id, ({ status }) => status === "done")).toMatchObject({ result: "mine" });
  expect(signals[0]?.aborted).toBe(false);
});

test("[P-BUL-7] of several processes one tells the places, and another goes on when it ends", async () => {
  await using world = await tracked();
  const { queue, jobs, track } = world;
  const one = await queue.add("one", {});
  await until(jobs.operationId(one), ({ waiting }) => waiting?.position === 1);
  const next = track();
  expect([jobs.isWatching, next.isWatching]).toEqual([true, false]);
  await jobs.close();
  const two = await queue.add("two", {});
  await until(jobs.operationId(two), ({ waiting }) => waiting?.position === 2);
  expect(next.isWatching).toBe(true);
});

test("[P-BUL-8] ends that no worker reported are reported: of a plain worker, and of a job that was removed", async () => {
  await using world = await tracked();
  const { name, queue, jobs } = world;
  const [kept, removed] = [
    await queue.add("kept", {}, { removeOnComplete: true }),
    await queue.add("removed", {}, { delay: 3_600_000 }),
  ];
  const [one, two] = [jobs.operationId(kept), jobs.operationId(removed)];
  await until(one, ({ waiting }) => waiting?.position === 1);
  expect((await until(two, ({ waiting }) => waiting !== undefined)).waiting).toMatchObject({
    position: 0,
  });
  await removed.remove();
  const plain = new Worker(name, async () => "by a plain worker", { connection });
  expect(await until(one, ({ status }) => status === "done")).toMatchObject({
    result: "by a plain worker",
  });
  await until(two, ({ status }) => status === "cancelled");
  await plain.close();
});

test("[P-BUL-9] a gateway that refuses, hangs or throws changes nothing for the job", async () => {
  const never = () => new Promise<never>(() => {});
  const refuse = () => Promise.reject(new Error("refused"));
  for (const answer of [never, refuse]) {
    const away = { create: answer, report: answer, takeOver: answer, pendingCommands: never };
    await using world = await tracked({ gateway: away, closingFlushMs: 50 });
    const { queue, jobs, work } = world;
    const ended = gate<unknown>();
    const worker = work(async (each) => {
      await each.updateProgress(10);
      await each.log("a line");
      jobs.operation(each)?.info("another");
      return 1;
    });
    worker.on("completed", (_job, result) => ended.open(result));
    await queue.add("encode", {});
    expect(await ended.opened).toBe(1);
  }
});
