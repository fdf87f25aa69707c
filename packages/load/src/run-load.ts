import { randomBytes } from "node:crypto";
import { isIPv4 } from "node:net";
import { availableParallelism } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicUs } from "./clock.ts";
import { generatorWarnings } from "./generator-limits.ts";
import { Latencies } from "./latencies.ts";
import { coreTimes, describeMachine, maxOpenFiles } from "./machine.ts";
import type { PermittedTarget } from "./permitted-target.ts";
import { publisherCount, shareConnections, sourceAddress } from "./plan.ts";
import { Generator } from "./processes/generator.ts";
import type {
  PublisherNews,
  PublisherOrder,
  PublisherResult,
  ReaderNews,
  ReaderOrder,
  ReaderResult,
  Route,
} from "./processes/messages.ts";
import type { LoadShape } from "./profiles.ts";
import { type LoadReport, reportVersion } from "./report.ts";
import { readServerFigures, type ServerFigures } from "./server-figures.ts";
import { Tally } from "./tally.ts";
import { type LoadProgress, Timeline } from "./timeline.ts";

/** Run to make. */
export interface LoadOptions {
  /** Name of the profile that the shape began with, for the report. */
  readonly profile: string;
  readonly shape: LoadShape;
  /** Checked server; see `permitTarget`. */
  readonly target: PermittedTarget;
  /** API key with the scope to publish. With the scope `metrics` too, the report has figures of the server. */
  readonly apiKey: string;
  /**
   * Makes the token of connection `index`. It must allow to subscribe to `bench:*`, and live longer than the run. Each
   * connection needs a user and a session of its own, because the gateway limits the connections of one.
   */
  token(index: number): Promise<string>;
  /** Processes of readers; default: as many as the machine has cores for. */
  readonly processes?: number;
  /** Addresses of this machine that connections leave from, in turn. */
  readonly sources?: readonly string[];
  /** Ends the run early; a run that already publishes still reports. */
  readonly signal?: AbortSignal;
  onProgress?(progress: LoadProgress): void;
}

// Child modules have the extension of this module: .ts from source, .js when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const readersModule = new URL(`./processes/readers-process${extension}`, import.meta.url);
const publisherModule = new URL(`./processes/publisher-process${extension}`, import.meta.url);

/** Time in which the last connections become quiet before anything is published, in milliseconds. */
const settleMs = 500;
/** HTTP connections of each process that publishes. */
const publishConnections = 64;
const leadUs = 50_000;

/**
 * Opens the connections at their rate, publishes on a fixed schedule, and reports what every reader received.
 *
 * The schedule is an open loop: a publication is due at its moment whether or not earlier ones were answered, and every
 * latency counts from that moment. Rejects when a generator process fails, and when the signal ends the run before the
 * first publication.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { shape, target, apiKey, signal } = options;
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const shares = shareConnections(
    shape,
    { cores: availableParallelism(), maxFiles: maxOpenFiles() },
    options.processes,
  );
  const timeline = new Timeline(options.onProgress ?? (() => {}));
  const tokens = await makeTokens(options, timeline);
  const before = await readServerFigures(target.url, apiKey);
  const route = routeOf(target);
  const channelPrefix = `bench:${randomBytes(4).toString("hex")}:`;
  const readers = shares.map(() => new Generator<ReaderOrder, ReaderNews>(readersModule));
  const publishers = Array.from(
    { length: publisherCount(shape) },
    () => new Generator<PublisherOrder, PublisherNews>(publisherModule),
  );
  try {
    readers.forEach((reader, i) => {
      reader.on((news) => {
        if (news.type === "tick") timeline.take(i, news);
      });
    });
    timeline.enter("connect", shape.connections);
    const startAtUs = monotonicUs() + leadUs;
    const allOpened = readers.map((reader) => reader.next("opened"));
    const intervalUs = 1e6 / shape.connectRate;
    shares.forEach(({ first, connections }, i) => {
      readers[i]?.order({
        type: "open",
        ...{ route, first, channelPrefix, channels: shape.channels, bytes: shape.bytes },
        tokens: tokens.slice(first, first + connections),
        sources: Array.from({ length: connections }, (_, n) => sourceOf(options, first + n)),
        startAtUs: Math.round(startAtUs + i * intervalUs),
        intervalUs: intervalUs * shares.length,
        ...{ beginsAtUs: Math.round(startAtUs), thousandUs: 1_000 * intervalUs },
      });
    });
    await unlessAborted(Promise.all(allOpened), signal);
    const connectSeconds = (monotonicUs() - startAtUs) / 1e6;
    await pause(settleMs);
    const connected = await readServerFigures(target.url, apiKey);

    const fromUs = monotonicUs() + leadUs;
    const measureFromUs = Math.round(fromUs + shape.warmupSeconds * 1e6);
    const allPublished = publishers.map((publisher) => publisher.next("result"));
    publishers.forEach((publisher, i) => {
      publisher.order(publishOrder(options, { route, channelPrefix, fromUs, measureFromUs }, i));
    });
    timeline.enter("warm-up", shape.warmupSeconds);
    const wasInterrupted = () => signal?.aborted === true;
    await pauseUntil(measureFromUs, signal);
    for (const reader of readers) reader.order({ type: "measure", fromUs: measureFromUs });
    timeline.enter("measure", shape.seconds);
    const measuring = await readServerFigures(target.url, apiKey);
    const measuredAtUs = monotonicUs();
    const times = coreTimes();
    await pauseUntil(measureFromUs + shape.seconds * 1e6, signal);
    if (wasInterrupted()) for (const publisher of publishers) publisher.order({ type: "stop" });
    for (const reader of readers) reader.order({ type: "measured" });
    const measuredSeconds = (monotonicUs() - measuredAtUs) / 1e6;
    const timesAfter = coreTimes();
    const after = await readServerFigures(target.url, apiKey);

    timeline.enter("finish", 1);
    const published = await Promise.all(allPublished);
    const finished = readers.map((reader) => reader.next("result"));
    const { totals, uncertain } = publishedOf(published, shape.channels, publishers.length);
    for (const reader of readers) reader.order({ type: "finish", totals, uncertain });
    const read = await Promise.all(finished);
    timeline.end();

    const machineShare =
      (timesAfter.busyMs - times.busyMs) / Math.max(1, timesAfter.allMs - times.allMs);
    const processes = [...read, ...published].map(({ load }) => load);
    const figures = reportOf(read, published);
    // A server that falls behind takes longer than the schedule, which lowers the rate.
    const perSecond = (count: number, by: readonly { readonly lastAtUs: number }[]) => {
      const lastSeconds = (Math.max(0, ...by.map((one) => one.lastAtUs)) - measureFromUs) / 1e6;
      const least = wasInterrupted() ? 0.001 : shape.seconds;
      return round(count / Math.max(least, lastSeconds));
    };
    const unsent = published.reduce((sum, one) => sum + one.unsent, 0);
    return {
      kind: "milepost-bench",
      version: reportVersion,
      startedAt,
      machine,
      profile: options.profile,
      shape,
      target: { url: target.url.origin, isLoopback: target.isLoopback },
      processes: { readers: readers.length, publishers: publishers.length },
      wasInterrupted: wasInterrupted(),
      connect: {
        asked: shape.connections,
        perSecond: round(figures.opened / connectSeconds),
        ...figures.connect,
      },
      publish: {
        scheduled: Math.round(shape.rate * (shape.seconds + shape.warmupSeconds)),
        acceptedPerSecond: perSecond(figures.acceptedMeasured, published),
        unsent,
        uncertain: uncertain.length,
        ...figures.publish,
      },
      delivery: {
        perSecond: perSecond(figures.deliveredMeasured, read),
        ...figures.delivery,
      },
      disconnects: figures.disconnects,
      ...serverOf({ before, connected, measuring, after }, figures, measuredSeconds),
      generator: { processes, machineShare: Math.round(machineShare * 1_000) / 1_000 },
      timeline: timeline.seconds,
      warnings: [
        ...generatorWarnings(processes, machineShare, target.isLoopback),
        ...(unsent > 0
          ? [`the server did not keep the schedule: ${unsent} publications were never sent`]
          : []),
      ],
    };
  } finally {
    timeline.end();
    for (const one of [...readers, ...publishers]) one[Symbol.dispose]();
  }
}

async function makeTokens(
  { shape, token, signal }: LoadOptions,
  timeline: Timeline,
): Promise<readonly string[]> {
  timeline.enter("tokens", shape.connections);
  const tokens: string[] = [];
  for (let index = 0; index < shape.connections; index++) {
    tokens.push(await token(index));
    if (index % 500 === 0) {
      signal?.throwIfAborted();
      timeline.advance(index);
    }
  }
  return tokens;
}

function routeOf({ url, address, port }: PermittedTarget): Route {
  const isTls = url.protocol === "https:" || url.protocol === "wss:";
  const route = { host: address, port, hostHeader: url.host };
  return isTls ? { ...route, tlsName: url.hostname } : route;
}

function sourceOf({ target, sources = [] }: LoadOptions, index: number): string | null {
  // Only Linux has the whole of 127.0.0.0/8 without being told.
  const isLoopbackV4 = target.isLoopback && isIPv4(target.address) && process.platform === "linux";
  return sourceAddress(index, isLoopbackV4, sources) ?? null;
}

function publishOrder(
  { shape, apiKey }: LoadOptions,
  {
    route,
    channelPrefix,
    fromUs,
    measureFromUs,
  }: { route: Route; channelPrefix: string; fromUs: number; measureFromUs: number },
  index: number,
): PublisherOrder {
  const publishers = publisherCount(shape);
  const channels = channelsOf(index, publishers, shape.channels);
  const intervalUs = 1e6 / shape.rate;
  const count = shape.rate * (shape.seconds + shape.warmupSeconds);
  return {
    type: "publish",
    ...{ route, apiKey, channelPrefix, channels, bytes: shape.bytes, measureFromUs },
    connections: Math.min(publishConnections, channels.length),
    startAtUs: Math.round(fromUs + index * intervalUs),
    intervalUs: intervalUs * publishers,
    count: Math.floor((count - index + publishers - 1) / publishers),
  };
}

/** Channels of the process `index` of those that publish: every channel belongs to one, so that its order is kept. */
function channelsOf(index: number, publishers: number, channels: number): number[] {
  const own: number[] = [];
  for (let channel = index; channel < channels; channel += publishers) own.push(channel);
  return own;
}

function publishedOf(
  published: readonly PublisherResult[],
  channels: number,
  publishers: number,
): Pick<PublisherResult, "totals" | "uncertain"> {
  const totals = new Array<number>(channels).fill(0);
  published.forEach((one, index) => {
    channelsOf(index, publishers, channels).forEach((channel, i) => {
      totals[channel] = one.totals[i] ?? 0;
    });
  });
  return { totals, uncertain: published.flatMap(({ uncertain }) => uncertain) };
}

function reportOf(read: readonly ReaderResult[], published: readonly PublisherResult[]) {
  const merged = (encoded: readonly string[]) => {
    const all = new Latencies();
    for (const one of encoded) all.merge(one);
    return all.figures();
  };
  const counted = (lists: readonly ReaderResult["failures"][]) => {
    const tally = new Tally();
    for (const { reason, count } of lists.flat()) tally.add(reason, count);
    return tally.toList();
  };
  const sum = <T>(ones: readonly T[], of: (one: T) => number) =>
    ones.reduce((all, one) => all + of(one), 0);
  const delivered = sum(read, (one) => one.delivered);
  const opened = sum(read, (one) => one.opened);
  const bytesRead = sum(read, (one) => one.bytesRead);
  return {
    opened,
    acceptedMeasured: sum(published, (one) => one.acceptedMeasured),
    deliveredMeasured: sum(read, (one) => one.deliveredMeasured),
    disconnects: counted(read.map(({ disconnects }) => disconnects)),
    connect: {
      opened,
      failures: counted(read.map(({ failures }) => failures)),
      latency: merged(read.map(({ connectLatency }) => connectLatency)),
      thousands: thousandsOf(read),
    },
    publish: {
      accepted: sum(published, (one) => one.accepted),
      refusals: counted(published.map(({ refusals }) => refusals)),
      latency: merged(published.map(({ latency }) => latency)),
    },
    delivery: {
      delivered,
      missing: sum(read, (one) => one.missing),
      repeated: sum(read, (one) => one.repeated),
      bytesPerDelivery: delivered === 0 ? 0 : Math.round(bytesRead / delivered),
      latency: merged(read.map(({ latency }) => latency)),
    },
  };
}

/** Returns the connections of each thousand, in the order in which they were due, from those of all processes. */
function thousandsOf(read: readonly ReaderResult[]): LoadReport["connect"]["thousands"] {
  const count = Math.max(0, ...read.map(({ connectThousands }) => connectThousands.length));
  return Array.from({ length: count }, (_, thousand) => {
    const all = new Latencies();
    for (const { connectThousands } of read) {
      const own = connectThousands[thousand];
      if (own !== undefined) all.merge(own);
    }
    return { opened: all.count, p50Us: all.percentile(50), p99Us: all.percentile(99) };
  });
}

function serverOf(
  {
    before,
    connected,
    measuring,
    after,
  }: Readonly<Record<"before" | "connected" | "measuring" | "after", ServerFigures | undefined>>,
  figures: { readonly opened: number; readonly deliveredMeasured: number },
  measuredSeconds: number,
): Pick<LoadReport, "server"> {
  if (!before || !connected || !measuring || !after) return {};
  const cpu = after.cpuSeconds - measuring.cpuSeconds;
  const perOpened = (value: number) => round(value / Math.max(1, figures.opened));
  return {
    server: {
      residentBytes: after.residentBytes,
      bytesPerConnection: perOpened(connected.residentBytes - before.residentBytes),
      cores: Math.round((cpu / measuredSeconds) * 1_000) / 1_000,
      cpuUsPerDelivery: round((cpu * 1e6) / Math.max(1, figures.deliveredMeasured)),
      cpuUsPerConnect: perOpened((connected.cpuSeconds - before.cpuSeconds) * 1e6),
    },
  };
}

async function pauseUntil(atUs: number, signal?: AbortSignal): Promise<void> {
  const ms = Math.max(0, (atUs - monotonicUs()) / 1_000);
  await pause(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {});
}

async function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
