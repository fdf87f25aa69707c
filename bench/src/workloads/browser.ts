import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGateway, type Gateway, memoryEngine } from "@milepost/server";
import { type CDPSession, chromium, type Page } from "playwright-core";
import { type Summary, summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { makePayload } from "../payload.ts";
import { serveClientPage } from "../targets/client-page.ts";
import { runPace } from "../targets/pacer.ts";
import { secrets } from "../targets/served-node.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

const connects = 50;
const perSecond = 10;
const channel = "bench:page";

/** Figures of the client in one page. */
export interface BrowserRound {
  /** Milliseconds from the creation of a client until it was connected, for each of the clients of the page. */
  readonly connectMs: readonly number[];
  /** Share of a core that the page's main thread used while events arrived, and while nothing happened. */
  readonly cpu: number;
  readonly idleCpu: number;
  /** Growth of the heap after its garbage was collected, in bytes: by the second half of the clients, and of the events. */
  readonly grownByClients: number;
  readonly grownByEvents: number;
  readonly delivered: number;
  readonly published: number;
}

/** Figures of all rounds. */
export interface BrowserRow {
  readonly connectMs: Summary;
  readonly cpu: Summary;
  readonly idleCpu: Summary;
  readonly grownByClients: Summary;
  readonly grownByEvents: Summary;
  readonly lost: number;
}

/** Runs the workload `browser`: what the client costs a page in a real Chromium. Needs MILEPOST_CHROMIUM or `chromium`. */
export async function runBrowser(
  { rounds: count, seconds }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const rounds: BrowserRound[] = [];
  for (let round = 0; round < count; round++) {
    onProgress(`browser: round ${round + 1} of ${count}`);
    rounds.push(await runBrowserRound(seconds));
  }
  const row = browserRow(rounds);
  return {
    workload: "browser",
    what: `a page in Chromium: ${2 * connects} clients one after another, then one client with ${perSecond} events/s of 136 bytes; ${count} rounds of twice ${seconds} s`,
    table: [
      [
        "connect ms (min-max)",
        "CPU with events",
        "CPU idle",
        "KB grown by clients",
        "by events",
        "lost",
      ],
      [
        `${row.connectMs.median.toFixed(1)} (${row.connectMs.min.toFixed(1)}-${row.connectMs.max.toFixed(1)})`,
        percent(row.cpu.median),
        percent(row.idleCpu.median),
        kilobytes(row.grownByClients),
        kilobytes(row.grownByEvents),
        String(row.lost),
      ],
    ],
    notes: [
      "CPU is that of the page's main thread; growth is that of the heap by the second half, garbage collected",
    ],
    rows: [{ ...row, rounds }],
  };
}

/** Summarizes the rounds. */
export function browserRow(rounds: readonly BrowserRound[]): BrowserRow {
  const of = (value: (round: BrowserRound) => number) => summarize(rounds.map(value));
  return {
    connectMs: summarize(rounds.flatMap(({ connectMs }) => connectMs)),
    cpu: of(({ cpu }) => cpu),
    idleCpu: of(({ idleCpu }) => idleCpu),
    grownByClients: of(({ grownByClients }) => grownByClients),
    grownByEvents: of(({ grownByEvents }) => grownByEvents),
    lost: rounds.reduce((sum, { published, delivered }) => sum + published - delivered, 0),
  };
}

async function runBrowserRound(seconds: number): Promise<BrowserRound> {
  const profile = mkdtempSync(join(tmpdir(), "milepost-bench-browser-"));
  const gateway = createGateway({
    engine: memoryEngine(),
    auth: { tokenSecret: secrets.tokenSecret },
  });
  await using served = await serveClientPage(gateway);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.MILEPOST_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
  try {
    const page = await context.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => "sdk" in globalThis);
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable");
    const token = await gateway.mintToken({
      user: "reader",
      ttlMs: 3_600_000,
      channels: { subscribe: ["bench:*"] },
    });
    return await measure({ page, session, gateway, token, seconds });
  } finally {
    await context.close();
    await gateway.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

interface Scene {
  readonly page: Page;
  readonly session: CDPSession;
  readonly gateway: Gateway;
  readonly token: string;
  readonly seconds: number;
}

async function measure({ page, session, gateway, token, seconds }: Scene): Promise<BrowserRound> {
  const first = await connectMany(page, token);
  const heapBefore = await heapBytes(session);
  const second = await connectMany(page, token);
  const grownByClients = (await heapBytes(session)) - heapBefore;
  const idleCpu = await cpuDuring(session, () => pause(seconds * 1_000));
  await subscribe(page, token);
  const publish = () => publishFor(gateway, seconds);
  const cpu = await cpuDuring(session, publish);
  const heapOfStream = await heapBytes(session);
  await publish();
  const grownByEvents = (await heapBytes(session)) - heapOfStream;
  const published = 2 * Math.round(seconds * perSecond);
  await page
    .waitForFunction((all) => Reflect.get(globalThis, "seen") === all, published, {
      timeout: 5_000,
    })
    .catch(() => {});
  const delivered = Number(await page.evaluate(() => Reflect.get(globalThis, "seen")));
  return {
    connectMs: [...first, ...second],
    cpu,
    idleCpu,
    grownByClients,
    grownByEvents,
    delivered,
    published,
  };
}

/** Creates, connects and closes clients in the page, one after another; resolves with the time that each took. */
function connectMany(page: Page, token: string): Promise<readonly number[]> {
  return page.evaluate(
    async ({ token, connects }) => {
      const { createClient } = Reflect.get(globalThis, "sdk");
      const took: number[] = [];
      for (let n = 0; n < connects; n++) {
        const begun = performance.now();
        const client = createClient({ url: "/ws", token });
        await new Promise<void>((resolve) => {
          client.onState(({ state }: { state: string }) => {
            if (state === "connected") resolve();
          });
          client.connect();
        });
        took.push(performance.now() - begun);
        await client.close();
      }
      return took;
    },
    { token, connects },
  );
}

/** Subscribes the page to the channel; it counts the events that it receives as `seen`. */
async function subscribe(page: Page, token: string): Promise<void> {
  await page.evaluate(
    async ({ token, channel }) => {
      const { createClient } = Reflect.get(globalThis, "sdk");
      Reflect.set(globalThis, "seen", 0);
      const client = createClient({ url: "/ws", token });
      const onEvent = () => Reflect.set(globalThis, "seen", Reflect.get(globalThis, "seen") + 1);
      await client.channel(channel).subscribe({ onEvent }).ready;
    },
    { token, channel },
  );
}

function publishFor(gateway: Gateway, seconds: number): Promise<void> {
  let published = 0;
  const ticks = Math.round(seconds * perSecond);
  return runPace({ ticks, intervalMs: 1_000 / perSecond }, (dueUs) => {
    void gateway.publish(channel, "progress", makePayload(published++, dueUs));
  });
}

/** Returns the share of a core that the page's main thread used while `work` ran. */
async function cpuDuring(session: CDPSession, work: () => Promise<unknown>): Promise<number> {
  const before = await metricsOf(session);
  await work();
  const after = await metricsOf(session);
  const used = (after.get("TaskDuration") ?? 0) - (before.get("TaskDuration") ?? 0);
  return used / ((after.get("Timestamp") ?? 0) - (before.get("Timestamp") ?? 0));
}

async function heapBytes(session: CDPSession): Promise<number> {
  for (let pass = 0; pass < 3; pass++) await session.send("HeapProfiler.collectGarbage");
  return (await metricsOf(session)).get("JSHeapUsedSize") ?? 0;
}

async function metricsOf(session: CDPSession): Promise<ReadonlyMap<string, number>> {
  const { metrics } = await session.send("Performance.getMetrics");
  return new Map(metrics.map(({ name, value }) => [name, value]));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function kilobytes({ median, max }: Summary): string {
  return `${(median / 1_024).toFixed(0)} (at most ${(max / 1_024).toFixed(0)})`;
}
