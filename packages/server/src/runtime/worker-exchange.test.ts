import { EventEmitter } from "node:events";
import { ManualClock } from "@milepost/engine/testing";
import { expect, it } from "vitest";
import { GatewayMetrics } from "../metrics/gateway-metrics.ts";
import { type ExchangePort, WorkerExchange } from "./worker-exchange.ts";
import type { WorkerMessage } from "./worker-messages.ts";
import { type SupervisorPort, WorkerSiblings } from "./worker-siblings.ts";

/** Both ends of the channel between a supervisor and one worker; messages are copied as JSON, as the real one does. */
class Channel {
  readonly toWorker = new EventEmitter();
  readonly toSupervisor = new EventEmitter();
  isConnected = true;
  readonly worker: SupervisorPort = Object.assign(this.toWorker, {
    send: (message: WorkerMessage) => this.#pass(this.toSupervisor, message),
  });
  readonly port: ExchangePort = Object.assign(this.toSupervisor, {
    isConnected: () => this.isConnected,
    send: (message: WorkerMessage) => this.#pass(this.toWorker, message),
  });

  #pass(end: EventEmitter, message: WorkerMessage): void {
    const copy: unknown = JSON.parse(JSON.stringify(message));
    setImmediate(() => end.emit("message", copy));
  }
}

function cluster(count: number) {
  const clock = new ManualClock();
  const exchange = new WorkerExchange(clock);
  const workers = Array.from({ length: count }, () => worker());
  function worker() {
    const channel = new Channel();
    exchange.add(channel.port);
    const metrics = new GatewayMetrics(new WorkerSiblings(channel.worker, clock, 99));
    const counter = metrics.meter.counter("milepost_things_total", "Things.");
    return { channel, metrics, counter };
  }
  return { clock, exchange, workers, worker };
}

function things(text: string): string[] {
  return text.split("\n").filter((line) => line.startsWith("milepost_things_total"));
}

it("[P-MET-5] a scrape of any worker has the samples of all workers, each with the number of its worker", async () => {
  const { workers } = cluster(3);
  for (const [at, { counter }] of workers.entries()) counter.add(at + 5);
  const expected = [1, 2, 3].map(
    (worker) => `milepost_things_total{worker="${worker}"} ${worker + 4}`,
  );
  for (const { metrics } of workers) {
    const { body } = await metrics.expose();
    expect(things(body)).toEqual(expected);
    expect(body.match(/# TYPE milepost_things_total /g)).toHaveLength(1);
  }
});

it("[P-MET-5] a worker that does not answer within 2 s is missing, and the scrape is answered without it", async () => {
  const { clock, workers } = cluster(2);
  workers[1]?.channel.toWorker.removeAllListeners("message");
  const answer = workers[0]?.metrics.expose();
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(2_100);
  expect(things((await answer)?.body ?? "")).toEqual(['milepost_things_total{worker="1"} 0']);
});

it("[P-MET-5] a worker that replaces another takes over its number, and a collection does not wait for one that has ended", async () => {
  const { exchange, workers, worker } = cluster(2);
  const [first, second] = workers;
  second?.channel.toWorker.removeAllListeners("message");
  const answer = first?.metrics.expose();
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  if (second !== undefined) exchange.remove(second.channel.port);
  expect(things((await answer)?.body ?? "")).toHaveLength(1);
  const third = worker();
  third.counter.add(7);
  expect(things((await third.metrics.expose()).body)).toEqual([
    'milepost_things_total{worker="1"} 0',
    'milepost_things_total{worker="2"} 7',
  ]);
});

it("[P-MET-5] a worker whose supervisor does not answer reports itself", async () => {
  const { clock, workers } = cluster(1);
  workers[0]?.channel.toSupervisor.removeAllListeners("message");
  const answer = workers[0]?.metrics.expose();
  await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(3_100);
  expect(things((await answer)?.body ?? "")).toEqual(['milepost_things_total{worker="99"} 0']);
});
