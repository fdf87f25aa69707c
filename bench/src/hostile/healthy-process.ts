import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import { answerCalls } from "../process/answer-calls.ts";
import { runPace } from "../targets/pacer.ts";
import { type HealthyClient, openHealthyClient } from "./healthy-client.ts";

/** Round trips of the healthy clients. */
export interface HealthyReport {
  readonly latency: HistogramData;
  /** Publications that did not come back. Their latency counts as the time they were waited for. */
  readonly lost: number;
  /** Clients whose connection ended, and why the first of them ended. */
  readonly closed: number;
  readonly closeReason?: string;
}

const patienceMs = 5_000;
const maxOpening = 50;

const clients: HealthyClient[] = [];
const dueUs = new Map<number, number>();
let latency = new Histogram();
let sent = 0;
let closed = 0;
let closeReason: string | undefined;

const methods = {
  /** Connects one client for each token; resolves once all are subscribed. */
  async connect({ port, tokens }: { port: number; tokens: readonly string[] }): Promise<void> {
    let next = 0;
    const openNext = async (): Promise<void> => {
      while (next < tokens.length) {
        const index = next++;
        const token = tokens[index] ?? "";
        clients.push(await openHealthyClient(port, token, `bench:own:${index}`, onBack, onEnd));
      }
    };
    await Promise.all(Array.from({ length: maxOpening }, openNext));
  },

  /**
   * Publishes `perSecond` messages a second, the clients in turn, by an open loop; resolves with the round trips once
   * all messages have come back or 5 s have passed.
   */
  async measure({
    seconds,
    perSecond,
  }: {
    seconds: number;
    perSecond: number;
  }): Promise<HealthyReport> {
    latency = new Histogram();
    await runPace({ ticks: seconds * perSecond, intervalMs: 1_000 / perSecond }, (due) => {
      const n = sent++;
      dueUs.set(n, due);
      clients[n % clients.length]?.publish(n);
    });
    const until = monotonicUs() + patienceMs * 1_000;
    while (dueUs.size > 0 && monotonicUs() < until) await new Promise((r) => setTimeout(r, 10));
    const lost = dueUs.size;
    for (const due of dueUs.values()) latency.record(monotonicUs() - due);
    dueUs.clear();
    return {
      latency: latency.toData(),
      lost,
      closed,
      ...(closeReason === undefined ? {} : { closeReason }),
    };
  },
};

function onBack(n: number, atUs: number): void {
  const due = dueUs.get(n);
  if (due === undefined) return;
  dueUs.delete(n);
  latency.record(atUs - due);
}

function onEnd(reason: string): void {
  closed++;
  closeReason ??= reason;
}

/** Methods that the benchmark's main process can call in the process of the healthy clients. */
export type HealthyMethods = typeof methods;

answerCalls(methods);
