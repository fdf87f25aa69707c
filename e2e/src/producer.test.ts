import type { OperationState } from "@milepost/model";
import { createProducer, createStudio, httpGateway, type Problem } from "@milepost/producer";
import { createGateway, type Gateway } from "@milepost/server";
import { expect, test } from "vitest";
import { type CuttableProxy, startCuttableProxy } from "./fixtures/cuttable-proxy.ts";

const apiKey = "k".repeat(32);

function makeGateway(): Gateway {
  return createGateway({
    auth: { tokenSecret: "s".repeat(32), apiKeys: [{ name: "e2e", key: apiKey }] },
  });
}

/** Waits until `holds` accepts the operation's state, and returns that state. */
async function until(
  gateway: Gateway,
  id: string,
  holds: (state: OperationState) => boolean,
): Promise<OperationState> {
  for (;;) {
    const found = await gateway.operations.get(id).catch(() => undefined);
    if (found && holds(found.operation)) return found.operation;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function cutOff(relay: CuttableProxy): void {
  relay.block();
  relay.cut();
}

const port = (gateway: Gateway) => gateway.address()?.port ?? 0;

test("[P-OP-1][P-CMD-1] a process reports its work over HTTP, and the gateway of another process watches and commands it", async () => {
  await using gateway = makeGateway();
  await gateway.listen({ port: 0 });
  await using producer = createProducer({
    gateway: httpGateway({ url: `http://127.0.0.1:${port(gateway)}`, apiKey }),
  });
  const run = producer.start(
    { kind: "export", title: "Export", session: "s", steps: [{ id: "one" }, { id: "two" }] },
    async (op) => {
      await op.step("one", (step) => step.progress({ done: 2, total: 2 }));
      op.text("notes").append("half ").append("way");
      await op.step("two", async () => {
        for (;;) {
          await op.pausePoint();
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
    },
  );
  const id = run.operationId;
  const running = await until(gateway, id, ({ current_step }) => current_step === "two");
  expect(running).toMatchObject({ status: "running", percent: 50, session_id: "s" });
  await gateway.operations.command(id, { command: "pause" });
  await until(gateway, id, ({ status }) => status === "paused");
  await gateway.operations.command(id, { command: "resume" });
  await until(gateway, id, ({ status }) => status === "running");
  await gateway.operations.command(id, { command: "cancel", args: { reason: "enough" } });
  await expect(run.finished).resolves.toMatchObject({ status: "cancelled" });
  await expect(run.delivered).resolves.toBe(true);
  const { operation } = await gateway.operations.get(id);
  expect(operation).toMatchObject({ status: "cancelled", reason: "enough" });
  expect(operation.texts.notes?.text).toBe("half way");
  expect(operation.commands.map(({ command, phase }) => [command, phase])).toEqual([
    ["pause", "done"],
    ["resume", "done"],
    ["cancel", "done"],
  ]);
});

test("reports over a connection that is cut again and again are neither lost, doubled nor reordered", async () => {
  await using gateway = makeGateway();
  await gateway.listen({ port: 0 });
  await using relay = await startCuttableProxy(() => port(gateway));
  const problems: Problem[] = [];
  await using producer = createProducer({
    gateway: httpGateway({ url: relay.url, apiKey }),
    flushIntervalMs: 1,
    onProblem: (problem) => problems.push(problem),
  });
  const lines = 150;
  const run = producer.start({ kind: "export" }, async (op) => {
    for (let i = 0; i < lines; i++) {
      op.info(`line ${i}`);
      // Each cut falls into the work in progress, at a slightly different point each time.
      for (let turn = 0; turn < i % 13; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (i % 10 === 0) cutOff(relay);
      else if (i % 10 === 3) relay.restore();
    }
  });
  await expect(run.delivered).resolves.toBe(true);
  const { operation } = await gateway.operations.get(run.operationId);
  expect(operation.log.map(({ message }) => message)).toEqual(
    Array.from({ length: lines }, (_, i) => `line ${i}`),
  );
  expect(operation).toMatchObject({ status: "done", log_total: lines });
  expect(problems.every(({ effect }) => effect === "retrying")).toBe(true);
});

test("a gateway that restarts empty learns about running work from its producer", async () => {
  const first = makeGateway();
  await first.listen({ port: 0 });
  let target = port(first);
  await using relay = await startCuttableProxy(() => target);
  await using producer = createProducer({
    gateway: httpGateway({ url: relay.url, apiKey }),
    onProblem: () => {},
  });
  let finish = () => {};
  const run = producer.start({ kind: "export", title: "Long" }, async (op) => {
    op.step("before");
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    op.step("after", { percent: 10 });
    return "fine";
  });
  await until(first, run.operationId, ({ current_step }) => current_step === "before");
  cutOff(relay);
  await first.close();
  await using second = makeGateway();
  await second.listen({ port: 0 });
  target = port(second);
  relay.restore();
  finish();
  await expect(run.delivered).resolves.toBe(true);
  const { operation } = await second.operations.get(run.operationId);
  expect(operation).toMatchObject({ status: "done", title: "Long", result: "fine", attempt: 1 });
});

test("[P-OP-3] [P-OP-17] taking over an operation ends the reports of its previous producer, which learns who took over", async () => {
  await using gateway = makeGateway();
  await gateway.listen({ port: 0 });
  const problems: Problem[] = [];
  await using producer = createProducer({
    gateway: httpGateway({ url: `http://127.0.0.1:${port(gateway)}`, apiKey }),
    onProblem: (problem) => problems.push(problem),
  });
  const run = producer.start({ kind: "export" }, async (op) => {
    while (!op.signal.aborted) {
      op.info("mine");
      await new Promise((resolve) => setImmediate(resolve));
    }
    op.signal.throwIfAborted();
  });
  await until(gateway, run.operationId, ({ status }) => status === "running");
  await gateway.operations.takeOver(run.operationId, undefined, undefined, "worker-2");
  await expect(run.finished).resolves.toMatchObject({
    error: { code: "stale_lease", heldBy: { worker: "worker-2", since: expect.any(Number) } },
  });
  await expect(run.delivered).resolves.toBe(false);
  const { operation } = await gateway.operations.get(run.operationId);
  expect(operation.status).toBe("running");
  expect(problems).toMatchObject([
    {
      code: "stale_lease",
      effect: "stopped",
      message: expect.stringContaining("worker-2 holds the lease since"),
    },
  ]);
});

test("[P-PERSON-4] updates for one person over HTTP arrive in the order of the calls, each once, across a lost connection", async () => {
  await using gateway = makeGateway();
  await gateway.listen({ port: 0 });
  await using relay = await startCuttableProxy(() => port(gateway));
  const { publish } = httpGateway({ url: relay.url, apiKey });
  let failures = 0;
  const studio = createStudio({
    publish: (...args) =>
      publish(...args).catch((error: unknown) => {
        failures++;
        relay.restore();
        throw error;
      }),
  });
  await studio.sendSyncProgress("7", "validating", 10);
  cutOff(relay);
  const sent = [
    studio.sendError("7", "first"),
    studio.sendSyncProgress("7", "syncing", 50),
    studio.sendError("7", "second"),
    studio.sendSyncProgress("7", "complete", 100),
  ];
  expect(await Promise.all(sent)).toEqual([true, false, true, true]);
  expect(failures).toBeGreaterThan(0);
  const answer = await fetch(
    `http://127.0.0.1:${port(gateway)}/v1/channels/user:7/history?since=start`,
    { headers: { Authorization: `Bearer ${apiKey}` } },
  );
  const { entries } = (await answer.json()) as { entries: { event: string; data: object }[] };
  expect(entries.map(({ event, data }) => [event, data])).toEqual([
    ["sync:progress", { stage: "validating", percent: 10 }],
    ["error", { message: "first" }],
    ["error", { message: "second" }],
    ["sync:progress", { stage: "complete", percent: 100 }],
  ]);
});
