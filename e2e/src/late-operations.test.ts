import { createClient, type OperationHandle, type OperationView } from "@milepost/client";
import { createProducer, httpGateway } from "@milepost/producer";
import { startRedis } from "@milepost/redis/testing";
import { createGateway, createTokens, type Gateway } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { startCuttableProxy } from "./fixtures/cuttable-proxy.ts";
import { sdkOptions } from "./fixtures/sdk-ways.ts";
import { secrets, serveGateway } from "./fixtures/served.ts";

const apiKey = "k".repeat(32);

async function startGateway(): Promise<{ gateway: Gateway; url: string }> {
  const gateway = createGateway({
    auth: { tokenSecret: "s".repeat(32), apiKeys: [{ name: "e2e", key: apiKey }] },
  });
  const { port } = await gateway.listen({ port: 0 });
  return { gateway, url: `http://127.0.0.1:${port}` };
}

/** Resolves with the first view of the operation that `holds` accepts. */
function until(operation: OperationHandle, holds: (view: OperationView) => boolean) {
  return new Promise<OperationView>((resolve) => {
    const look = () => {
      if (!holds(operation.view)) return;
      stop();
      resolve(operation.view);
    };
    const stop = operation.subscribe(() => look());
    queueMicrotask(look);
  });
}

test.each(Object.entries(sdkOptions))(
  "[P-OP-9] a page that watches an operation before the gateway has it sees it begin, over %s",
  async (_, options) => {
    const { gateway, url } = await startGateway();
    await using _gateway = gateway;
    await using client = createClient({
      url: `${url.replace("http", "ws")}/ws`,
      token: () => gateway.mintToken({ user: "ana" }),
      webSocket: WebSocket,
      ...options,
    });
    const operation = client.operation("late");
    operation.subscribe(() => {});
    await until(operation, ({ kind }) => kind === "pending");
    await using producer = createProducer({ gateway: httpGateway({ url, apiKey }) });
    const run = producer.start({ kind: "export", user: "ana", operationId: "late" }, (op) =>
      op.step("read", async () => "read"),
    );
    await expect(run.created).resolves.toBe(true);
    const done = await operation.finished();
    expect(done).toMatchObject({ id: "late", status: "done" });
    expect(operation.view).toMatchObject({ kind: "ready", stale: false });
  },
);

test("[P-OP-9] [P-OP-10] a page keeps an operation over a restart of a gateway in memory, stale until the producer tells the new gateway of it", async () => {
  let current = await startGateway();
  await using proxy = await startCuttableProxy(() => current.gateway.address()?.port ?? 0);
  await using client = createClient({
    url: `${proxy.url.replace("http", "ws")}/ws`,
    token: () => current.gateway.mintToken({ user: "ana" }),
    webSocket: WebSocket,
    backoff: { minMs: 5, maxMs: 40 },
  });
  let end = () => {};
  const ending = new Promise<void>((resolve) => {
    end = resolve;
  });
  const producer = createProducer({
    gateway: httpGateway({ url: proxy.url, apiKey }),
    onProblem: () => {},
  });
  await using _producer = producer;
  const run = producer.start({ kind: "export", user: "ana", operationId: "9" }, async (op) => {
    op.progress({ percent: 40 });
    await ending;
  });
  const operation = client.operation("9");
  const views: string[] = [];
  operation.subscribe(() => {
    const { view } = operation;
    views.push(view.kind === "ready" ? `${view.kind} ${view.stale}` : view.kind);
  });
  await until(operation, (view) => view.kind === "ready" && view.state.percent === 40);
  views.length = 0;
  // The producer calls every 10 s, so the page comes back before the new gateway knows of the work.
  const before = current.gateway;
  current = await startGateway();
  const { gateway } = current;
  await using _gateway = gateway;
  await before.close();
  await until(operation, (view) => view.kind === "ready" && view.stale);
  await until(operation, (view) => view.kind === "ready" && !view.stale);
  end();
  expect(await operation.finished()).toMatchObject({ status: "done" });
  await run.finished;
  expect(new Set(views)).toEqual(new Set(["ready true", "ready false"]));
});

test("[P-OP-9] an operation that is created at one node wakes the pages that wait at another, over Redis", async () => {
  await using redis = await startRedis();
  await using a = await serveGateway("--redis", redis.url);
  await using b = await serveGateway("--redis", redis.url);
  await using client = createClient({
    url: `${a.url.replace("http", "ws")}/ws`,
    token: () => createTokens(secrets.tokenSecret, Date).mint({ user: "ana" }),
    webSocket: WebSocket,
  });
  const operation = client.operation("9");
  operation.subscribe(() => {});
  await until(operation, ({ kind }) => kind === "pending");
  await using producer = createProducer({
    gateway: httpGateway({ url: b.url, apiKey: secrets.apiKey }),
  });
  const started = performance.now();
  const run = producer.start({ kind: "export", user: "ana", operationId: "9" }, () => 1);
  await run.created;
  await until(operation, ({ kind }) => kind === "ready");
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(await operation.finished()).toMatchObject({ status: "done" });
});
