import type { Socket } from "node:net";
import { monotonicUs } from "../clock.ts";
import { Latencies } from "../latencies.ts";
import { scanPayloads } from "../payload.ts";
import { SequenceCheck } from "../sequence-check.ts";
import { Tally } from "../tally.ts";
import type { OpenOrder, ReaderNews, ReaderOrder } from "./messages.ts";
import { ProcessMeter } from "./process-meter.ts";
import { openReader } from "./reader.ts";
import { reasonOf } from "./refusal-words.ts";

/** Connections that are being opened at the same time at most; later ones wait, and their latency with them. */
const maxOpening = 500;
/**
 * Time without any delivery after which the rest counts as missing, in milliseconds. A gateway that cannot hear its store
 * delivers afterwards.
 */
const patienceMs = 15_000;
/** Longest wait for the rest, in milliseconds. */
const longestWaitMs = 30_000;
/** Time that a connection may take to be subscribed, in milliseconds. */
const connectTimeoutMs = 30_000;
const tickMs = 1_000;

const meter = new ProcessMeter("readers");
const connectLatency = new Latencies();
const connectThousands: Latencies[] = [];
const latency = new Latencies();
const second = new Latencies();
const failures = new Tally();
const disconnects = new Tally();
const sockets = new Set<Socket>();
let check = new SequenceCheck(0);
let order: OpenOrder | undefined;
let measureFromUs = Number.POSITIVE_INFINITY;
let opened = 0;
let open = 0;
let opening = 0;
let started = 0;
let delivered = 0;
let bytesRead = 0;
let lastAtUs = 0;
let isOver = false;

const send = (news: ReaderNews) => void process.send?.(news);

function openAll(given: OpenOrder): void {
  order = given;
  check = new SequenceCheck(given.tokens.length);
  const next = () => {
    const now = monotonicUs();
    while (started < given.tokens.length && opening < maxOpening) {
      const dueUs = given.startAtUs + started * given.intervalUs;
      if (dueUs > now) break;
      openOne(given, started++, dueUs, settle);
    }
    if (started < given.tokens.length) setTimeout(next, 2);
  };
  const settle = () => {
    opening--;
    if (started === given.tokens.length && opening === 0) send({ type: "opened" });
  };
  next();
}

function openOne(given: OpenOrder, index: number, dueUs: number, settle: () => void): void {
  opening++;
  let isSubscribed = false;
  let now = 0;
  const onPayload = (seq: number, atUs: number) => {
    delivered++;
    lastAtUs = now;
    check.delivered(index, seq);
    if (atUs >= measureFromUs) {
      latency.record(now - atUs);
      second.record(now - atUs);
    }
  };
  const socket = openReader(
    {
      route: given.route,
      channel: `${given.channelPrefix}${channelOf(index)}`,
      token: given.tokens[index] ?? "",
      source: given.sources[index] ?? null,
    },
    {
      subscribed() {
        isSubscribed = true;
        clearTimeout(timeout);
        connected(given, dueUs);
        check.opened(index);
        opened++;
        open++;
        settle();
      },
      read(bytes) {
        bytesRead += bytes;
        now = monotonicUs();
      },
      message: (bytes, start, end) => scanPayloads(bytes, start, end, given.bytes, onPayload),
      ended(reason) {
        clearTimeout(timeout);
        sockets.delete(socket);
        if (isOver) return;
        if (isSubscribed) {
          open--;
          check.ended(index);
          disconnects.add(reasonOf(reason));
        } else {
          failures.add(reasonOf(reason));
          settle();
        }
      },
    },
  );
  sockets.add(socket);
  const timeout = setTimeout(() => {
    socket.destroy(new Error(`not subscribed within ${connectTimeoutMs / 1_000} s`));
  }, connectTimeoutMs);
}

function connected({ beginsAtUs, thousandUs }: OpenOrder, dueUs: number): void {
  const us = monotonicUs() - dueUs;
  connectLatency.record(us);
  const thousand = Math.floor((dueUs - beginsAtUs) / thousandUs);
  while (connectThousands.length <= thousand) connectThousands.push(new Latencies());
  connectThousands[thousand]?.record(us);
}

function channelOf(index: number): number {
  if (order === undefined) return 0;
  return (order.first + index) % order.channels;
}

function tick(): void {
  const news = { type: "tick", opened, failed: failures.total, open, delivered } as const;
  if (second.count === 0) send(news);
  else {
    send({ ...news, latency: second.encode() });
    second.reset();
  }
}

async function finish({
  totals,
  uncertain,
}: Extract<ReaderOrder, { type: "finish" }>): Promise<void> {
  const may = new Map<number, Set<number>>();
  for (const [channel, seq] of uncertain) {
    may.set(channel, (may.get(channel) ?? new Set()).add(seq));
  }
  const begun = monotonicUs();
  const isOwed = () => !check.isComplete(channelOf, totals);
  const isPatient = () => {
    const now = monotonicUs();
    const quietUs = now - Math.max(begun, lastAtUs);
    return quietUs < patienceMs * 1_000 && now - begun < longestWaitMs * 1_000;
  };
  while (isOwed() && isPatient()) await new Promise((resolve) => setTimeout(resolve, 50));
  isOver = true;
  clearInterval(ticking);
  const { missing, repeated } = check.finish(channelOf, totals, may);
  send({
    type: "result",
    opened,
    connectLatency: connectLatency.encode(),
    connectThousands: connectThousands.map((one) => one.encode()),
    failures: failures.toList(),
    disconnects: disconnects.toList(),
    deliveredMeasured: latency.count,
    delivered,
    lastAtUs,
    missing,
    repeated,
    bytesRead,
    latency: latency.encode(),
    load: meter.end(),
  });
  for (const socket of sockets) socket.destroy();
}

const ticking = setInterval(tick, tickMs);
process.on("message", (given: ReaderOrder) => {
  switch (given.type) {
    case "open":
      openAll(given);
      return;
    case "measure":
      measureFromUs = given.fromUs;
      meter.begin();
      return;
    case "measured":
      meter.end();
      return;
    case "finish":
      void finish(given);
      return;
  }
});
// It also disconnects when the parent dies of a signal that cannot be caught, so no process outlives the tool.
process.on("disconnect", () => process.exit());
// An interrupt of a terminal reaches the whole group; the parent decides what happens.
process.on("SIGINT", () => {});
