import { createClient } from "@milepost/client";
import { queueTicket } from "@milepost/client/queue";
import { createProducer, httpGateway } from "@milepost/producer";
import { connectRedis, redisEngine } from "@milepost/redis";
import { startRedis } from "@milepost/redis/testing";
import { createGateway, type GatewayOptions } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";

const apiKey = "k".repeat(32);
const queues = [
  {
    queue: "preview",
    join: "authenticated",
    lanes: { paid: 3, free: 1 },
    laneClaim: "plan",
    capacity: 1,
    operation: { kind: "preview" },
  },
] as const;

async function startGateway(options: Partial<GatewayOptions> = {}, port = 0) {
  const gateway = createGateway({
    auth: { tokenSecret: "s".repeat(32), apiKeys: [{ name: "e2e", key: apiKey }] },
    queues,
    log: { info() {}, warn() {}, error() {} },
    ...options,
  });
  const listening = await gateway.listen({ port });
  return { gateway, port: listening.port, url: `http://127.0.0.1:${listening.port}` };
}

/** Resolves with the status and the position that a person sees last, once `holds` is true of them. */
function sees(place: ReturnType<typeof queueTicket>, status: string): Promise<number> {
  return new Promise((resolve) => {
    const look = () => {
      const { ticket } = place.getSnapshot();
      if (ticket?.status !== status) return;
      queueMicrotask(() => stop());
      resolve(ticket.position);
    };
    const stop = place.subscribe(look);
    queueMicrotask(look);
  });
}

test("[P-QUE-18] a producer serves a queue: people see their places, then their operations run and end", async () => {
  const { gateway, url } = await startGateway();
  await using _gateway = gateway;
  const person = (user: string) =>
    createClient({
      url: `${url.replace("http", "ws")}/ws`,
      token: () => gateway.mintToken({ user }),
      webSocket: WebSocket,
    });
  await using ada = person("ada");
  await using bob = person("bob");
  const [first, second] = [queueTicket(ada, "preview"), queueTicket(bob, "preview")];
  await first.join();
  const { operation_id: id = "" } = await second.join();
  expect(await sees(second, "waiting")).toBe(2);
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const served: string[] = [];
  await using producer = createProducer({ gateway: httpGateway({ url, apiKey }) });
  const nearer = sees(second, "waiting");
  const work = producer.queue("preview").work({ concurrency: 2 }, async (ticket, op) => {
    served.push(ticket.user_id ?? "");
    await op?.step("build", async () => released);
    return "built";
  });
  await sees(first, "running");
  await nearer;
  const moved = new Promise<void>((resolve) => {
    const stop = second.subscribe(() => {
      if (second.getSnapshot().ticket?.position !== 1) return;
      stop();
      resolve();
    });
  });
  if (second.getSnapshot().ticket?.position !== 1) await moved;
  release();
  await Promise.all([sees(first, "finished"), sees(second, "finished")]);
  expect(served).toEqual(["ada", "bob"]);
  expect((await gateway.operations.get(id)).operation).toMatchObject({
    status: "done",
    result: "built",
    user_id: "bob",
  });
  await work.close();
});

test("[P-QUE-18] over Redis, a worker that closes gives its ticket back, and another one serves it after the gateway restarted", async () => {
  await using redis = await startRedis();
  const engine = async () => redisEngine(await connectRedis({ url: redis.url }));
  const one = await startGateway({ engine: await engine() });
  const httpOne = httpGateway({ url: one.url, apiKey });
  let begun = () => {};
  const isBegun = new Promise<void>((resolve) => (begun = resolve));
  await using producer = createProducer({ gateway: httpOne, onProblem: () => {} });
  const join = await fetch(`${one.url}/v1/queues/preview/tickets`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ user: "ada" }),
  });
  const { operation_id: id } = (await join.json()) as { operation_id: string };
  const work = producer.queue("preview").work({ worker: "w1" }, async (ticket) => {
    begun();
    await new Promise((_, reject) => {
      ticket.signal.addEventListener("abort", () => reject(ticket.signal.reason), { once: true });
    });
  });
  await isBegun;
  await work.close();
  const { operation } = await one.gateway.operations.get(id);
  expect(operation).toMatchObject({ status: "waiting", waiting: { position: 1 } });
  const again = createProducer({ gateway: httpOne, onProblem: () => {} });
  await using _again = again;
  await one.gateway.close();
  const attempts: number[] = [];
  let done = () => {};
  const isDone = new Promise<void>((resolve) => (done = resolve));
  const second = again.queue("preview").work({ worker: "w2" }, async (ticket, op) => {
    attempts.push(ticket.attempt);
    op?.signal.throwIfAborted();
    done();
  });
  const two = await startGateway({ engine: await engine() }, one.port);
  await using _two = two.gateway;
  await isDone;
  await second.close();
  expect(attempts).toEqual([2]);
  expect((await two.gateway.operations.get(id)).operation).toMatchObject({
    status: "done",
    attempt: 2,
  });
});
