import { HttpConnection, publishRequest } from "@milepost/load/wire";
import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import { makePayload } from "../payload.ts";
import { answerCalls } from "../process/answer-calls.ts";

/** Result of a load: what was sent and published, and what went wrong first. */
export interface HttpLoadReport {
  readonly requests: number;
  readonly published: number;
  /**
   * Microseconds from the moment a publication was due until it was sent, waiting for a connection that is free included;
   * absent where none has such a moment.
   */
  readonly lateness?: HistogramData;
  /** First answer that was not a success; absent when all were. */
  readonly refusal?: string;
}

/** Target and size of a load: the port, the API key, the number of connections and the time. */
interface Aim {
  readonly port: number;
  readonly apiKey: string;
  readonly connections: number;
  readonly seconds: number;
}

/** Time before a publication is due at which a load with few publications a second stops to sleep, in milliseconds. */
const awakeMs = 2;
/** Longest wait for the last answers, in milliseconds. */
const graceMs = 1_000;
const channels = 100;
const position = Buffer.from('"position":"');

const methods = {
  /**
   * Publishes `items` entries a request for `seconds` seconds. Each connection sends its next request when the last one
   * has been answered.
   */
  async saturate({ items, ...aim }: Aim & { items: number }): Promise<HttpLoadReport> {
    let sent = 0;
    const bodies = () => {
      const lines: string[] = [];
      for (let i = 0; i < items; i++) {
        lines.push(lineOf(`bench:${(sent + i) % channels}`, sent + i, 0));
      }
      sent += items;
      return publishRequest(lines.join("\n"), aim.apiKey, items > 1);
    };
    return await run(aim, (connections, isOver) => {
      for (const connection of connections) connection.send(bodies());
      return (connection) => {
        if (!isOver()) connection.send(bodies());
      };
    });
  },

  /**
   * Publishes to `channels` channels in turn at a fixed rate, whether or not requests before have been answered. Each
   * payload carries the moment at which it was due, and the numbers of each channel begin with `firstSeq`. With 100 a second
   * or fewer, the generator stays awake for the last 2 ms, since a timer may be a millisecond late.
   */
  async pace({
    rate,
    channels: count,
    channel,
    firstSeq = 0,
    ...aim
  }: Aim & {
    rate: number;
    channels: number;
    channel: string;
    firstSeq?: number;
  }): Promise<HttpLoadReport> {
    let next = 0;
    const total = rate * aim.seconds;
    const lateness = new Histogram();
    const isExact = rate <= 100;
    const report = await run(aim, (connections) => {
      const free = [...connections];
      const begun = monotonicUs();
      const send = () => {
        const now = monotonicUs();
        while (next < total && free.length > 0) {
          const due = begun + Math.round((next * 1e6) / rate);
          if (due > now) break;
          const line = lineOf(
            channel.replace("{i}", String(next % count)),
            firstSeq + Math.floor(next / count),
            due,
          );
          free.pop()?.send(publishRequest(line, aim.apiKey, false));
          lateness.record(monotonicUs() - due);
          next++;
        }
        clearTimeout(timer);
        clearImmediate(turn);
        if (next >= total) return;
        const waitMs = (begun + (next * 1e6) / rate - monotonicUs()) / 1_000;
        if (!isExact || free.length === 0) timer = setTimeout(send, 1);
        else if (waitMs > awakeMs) timer = setTimeout(send, waitMs - awakeMs);
        else turn = setImmediate(send);
      };
      let timer = setTimeout(send, 0);
      let turn: NodeJS.Immediate | undefined;
      return (connection) => {
        free.push(connection);
        // A request that is overdue goes out at once, not at the next tick.
        if (begun + (next * 1e6) / rate < monotonicUs()) send();
      };
    });
    return { ...report, lateness: lateness.toData() };
  },
};

function lineOf(channel: string, seq: number, atUs: number): string {
  return JSON.stringify({ channel, event: "tick", data: makePayload(seq, atUs) });
}

/**
 * Opens the connections, starts the load, and ends it when its time is over. `start` returns what happens after each
 * answer.
 */
async function run(
  { port, connections: count, seconds }: Aim,
  start: (
    connections: readonly HttpConnection[],
    isOver: () => boolean,
  ) => (connection: HttpConnection) => void,
): Promise<HttpLoadReport> {
  let requests = 0;
  let published = 0;
  let refusal: string | undefined;
  let over = false;
  let answered: (connection: HttpConnection) => void = () => {};
  const connections: HttpConnection[] = [];
  for (let i = 0; i < count; i++) {
    const connection: HttpConnection = new HttpConnection(
      { port },
      (status, body) => {
        requests++;
        published += positionsIn(body);
        if (status !== 200) refusal ??= `${status} ${body.toString("utf8")}`;
        answered(connection);
      },
      (reason) => {
        if (!over) refusal ??= reason;
      },
    );
    connections.push(connection);
  }
  answered = start(connections, () => over);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  over = true;
  for (let waited = 0; waited < graceMs; waited += 5) {
    if (connections.every(({ unanswered }) => unanswered === 0)) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const report = { requests, published };
  for (const connection of connections) connection.destroy();
  return refusal === undefined ? report : { ...report, refusal };
}

function positionsIn(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(position); at >= 0; at = body.indexOf(position, at + 1)) count++;
  return count;
}

/** Methods that the benchmark's main process can call in the load generator. */
export type HttpLoadMethods = typeof methods;

answerCalls(methods);
