import { monotonicUs } from "../clock.ts";
import { Latencies } from "../latencies.ts";
import { makePayload } from "../payload.ts";
import { Tally } from "../tally.ts";
import { HttpConnection, publishRequest } from "../wire/http-connection.ts";
import type { PublisherNews, PublisherOrder } from "./messages.ts";
import { ProcessMeter } from "./process-meter.ts";
import { reasonOf } from "./refusal-words.ts";

type Order = Extract<PublisherOrder, { type: "publish" }>;

/** Publications that may be due and unsent at the same time; beyond it the schedule drops the newest. */
const maxWaiting = 100_000;
/** Time after the last due publication in which the rest may still be sent and answered, in milliseconds. */
const graceMs = 5_000;
/** Pause before a connection that ended is opened again, in milliseconds. */
const reconnectMs = 200;
const tickMs = 1_000;

interface Due {
  /** Index of the channel in the order's list. */
  readonly slot: number;
  readonly atUs: number;
}

/** HTTP connection with the publications of its channels, which it sends one after the other. */
interface Lane {
  readonly waiting: Due[];
  connection: HttpConnection;
  /** Publication that was sent and not answered. */
  asked: Due | undefined;
}

const meter = new ProcessMeter("publisher");
const latency = new Latencies();
const refusals = new Tally();
const uncertain: [number, number][] = [];
const lanes: Lane[] = [];
let totals: number[] = [];
let order: Order | undefined;
let next = 0;
let waiting = 0;
let accepted = 0;
let acceptedMeasured = 0;
let unsent = 0;
let lastAtUs = 0;
let isStopped = false;
let isOver = false;

const send = (news: PublisherNews) => void process.send?.(news);

function publish(given: Order): void {
  order = given;
  totals = given.channels.map(() => 0);
  for (let i = 0; i < given.connections; i++) lanes.push(openLane(given));
  setTimeout(run, 1);
}

function openLane(given: Order): Lane {
  const lane: Lane = { waiting: [], connection: openConnection(given), asked: undefined };
  return lane;

  function openConnection(to: Order): HttpConnection {
    return new HttpConnection(
      to.route,
      (status, body) => answered(lane, status, body),
      (reason) => {
        if (isOver) return;
        refusals.add(reasonOf(reason));
        const { asked } = lane;
        lane.asked = undefined;
        if (asked !== undefined) leaveOpen(asked.slot);
        setTimeout(() => {
          lane.connection = openConnection(to);
          sendNext(lane);
        }, reconnectMs);
      },
    );
  }
}

/** Puts what is due into the lanes, each channel always into the same one, so that its order stays. */
function run(): void {
  if (order === undefined) return;
  const now = monotonicUs();
  while (!isStopped && next < order.count) {
    const atUs = Math.round(order.startAtUs + next * order.intervalUs);
    if (atUs > now) break;
    if (waiting >= maxWaiting) unsent++;
    else {
      const slot = next % order.channels.length;
      const lane = lanes[slot % lanes.length];
      lane?.waiting.push({ slot, atUs });
      waiting++;
      if (lane !== undefined) sendNext(lane);
    }
    next++;
  }
  if (!isStopped && next < order.count) setTimeout(run, 1);
  else finishSoon(monotonicUs());
}

function sendNext(lane: Lane): void {
  if (order === undefined || lane.asked !== undefined || isOver) return;
  const due = lane.waiting.shift();
  if (due === undefined) return;
  waiting--;
  lane.asked = due;
  const channel = `${order.channelPrefix}${order.channels[due.slot]}`;
  const data = makePayload(totals[due.slot] ?? 0, due.atUs, order.bytes);
  const body = `{"channel":${JSON.stringify(channel)},"event":"load","data":${data}}`;
  lane.connection.send(publishRequest(body, order.apiKey, false, order.route.hostHeader));
}

function answered(lane: Lane, status: number, body: Buffer): void {
  const due = lane.asked;
  lane.asked = undefined;
  if (due !== undefined && order !== undefined) {
    if (status === 200) {
      totals[due.slot] = (totals[due.slot] ?? 0) + 1;
      accepted++;
      lastAtUs = monotonicUs();
      if (due.atUs >= order.measureFromUs) {
        acceptedMeasured++;
        latency.record(lastAtUs - due.atUs);
      }
    } else {
      refusals.add(reasonOf(`HTTP/1.1 ${status} ${body.toString("utf8")}`));
      // The number of a publication that was refused is used again. An error of the server leaves its outcome open.
      if (status >= 500) leaveOpen(due.slot);
    }
  }
  sendNext(lane);
}

/** Notes that nobody knows whether the last publication of a channel was stored: readers may have it or not. */
function leaveOpen(slot: number): void {
  const seq = totals[slot] ?? 0;
  uncertain.push([order?.channels[slot] ?? 0, seq]);
  totals[slot] = seq + 1;
}

function finishSoon(endedAtUs: number): void {
  const isDone = lanes.every((lane) => lane.asked === undefined && lane.waiting.length === 0);
  if (!isDone && monotonicUs() - endedAtUs < graceMs * 1_000) {
    setTimeout(finishSoon, 5, endedAtUs);
    return;
  }
  isOver = true;
  clearInterval(ticking);
  for (const lane of lanes) {
    unsent += lane.waiting.length;
    if (lane.asked !== undefined) leaveOpen(lane.asked.slot);
    lane.connection.destroy();
  }
  send({
    type: "result",
    totals,
    uncertain,
    acceptedMeasured,
    accepted,
    lastAtUs,
    unsent,
    refusals: refusals.toList(),
    latency: latency.encode(),
    load: meter.end(),
  });
}

const ticking = setInterval(() => {
  send({ type: "tick", accepted, waiting });
}, tickMs);
process.on("message", (given: PublisherOrder) => {
  if (given.type === "stop") isStopped = true;
  else {
    publish(given);
    setTimeout(() => meter.begin(), Math.max(0, (given.measureFromUs - monotonicUs()) / 1_000));
  }
});
process.on("disconnect", () => process.exit());
process.on("SIGINT", () => {});
