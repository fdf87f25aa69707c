import type { BrowserRow } from "../workloads/browser.ts";
import type { CostRow } from "../workloads/metrics-cost.ts";
import type { FigureFiles } from "./figure-file.ts";

/** Figure with its target, as a table shows it. */
export interface FigureRow {
  readonly id: string;
  readonly what: string;
  readonly target: string;
  /** Name of the run that it comes from. */
  readonly run: string;
  /** Measured value in words; undefined when the run is missing. */
  readonly measured: string | undefined;
  /** True when the target was met, in all its parts. */
  readonly isMet: boolean | undefined;
}

/** Median of rounds with the least and the most, as workloads report it. */
interface Median {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface Plan {
  readonly id: string;
  readonly what: string;
  readonly target: string;
  readonly run: string;
  /** Reads the figure from the rows of the run's report. */
  read(rows: never): { readonly words: string; readonly isMet: boolean };
}

interface PacedLike {
  readonly target: string;
  readonly toFloor?: Median;
  readonly toSocketIo?: Median;
}
interface PlaceLike {
  readonly place: string;
  readonly p99: Median;
  readonly lost: number;
}
interface DeploymentLike {
  readonly before: { readonly residentBytes: number; readonly proportionalBytes: number };
  readonly connected: DeploymentLike["before"];
  readonly bytesPerConnection: number;
  readonly report: {
    readonly connect: {
      readonly asked: number;
      readonly opened: number;
      readonly perSecond: number;
      readonly latency: { readonly p50Us: number; readonly p99Us: number };
    };
    readonly delivery: { readonly missing: number; readonly repeated: number };
  };
}

const ours = "milepost-json";
/** Growth of the heap by 50 clients, or by the events of a run, that counts as a leak, in bytes. */
const leastLeak = 100 * 1_024;
const times = ({ median, min, max }: Median) =>
  `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)}) ×`;
const mb = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
const byTarget = <T extends { readonly target: string }>(rows: readonly T[], target: string): T =>
  found(rows, (row) => row.target === target);

function found<T>(rows: readonly T[], is: (row: T) => boolean): T {
  const row = rows.find(is);
  if (row === undefined) throw new Error("a report lacks a row that the table of figures needs");
  return row;
}

const plans: readonly Plan[] = [
  {
    ...{ id: "F1", what: "connections, one deployment of 4 workers", target: "45–50,000" },
    run: "deployment",
    read: ([{ report }]: readonly [DeploymentLike]) => ({
      words: `${count(report.connect.opened)} of ${count(report.connect.asked)}`,
      isMet: report.connect.opened >= 45_000,
    }),
  },
  {
    ...{ id: "F2", what: "memory", target: "≤ 10 KB a connection; 50,000 in ≤ 500 MB" },
    run: "deployment",
    read: ([{ bytesPerConnection, connected }]: readonly [DeploymentLike]) => ({
      words: `${(bytesPerConnection / 1_024).toFixed(1)} KB each; ${mb(connected.residentBytes)} RSS, ${mb(connected.proportionalBytes)} PSS in all`,
      isMet: bytesPerConnection <= 10_240 && connected.residentBytes <= 500 * 2 ** 20,
    }),
  },
  {
    ...{ id: "F3", what: "connect, at 1,000/s", target: "< 100 ms, 50 ms typical" },
    run: "deployment",
    read: ([{ report }]: readonly [DeploymentLike]) => ({
      words: `p50 ${ms(report.connect.latency.p50Us)}, p99 ${ms(report.connect.latency.p99Us)}, ${Math.round(report.connect.perSecond)}/s`,
      isMet: report.connect.latency.p99Us < 100_000,
    }),
  },
  {
    ...{ id: "F4", what: "delivery, same node, 5,000/s", target: "5 ms, at most 20 ms" },
    run: "across-nodes",
    read: (rows: readonly PlaceLike[]) => placeOf(rows, "the same node", 20),
  },
  {
    ...{ id: "F5", what: "delivery, across nodes, 5,000/s", target: "20 ms, at most 100 ms" },
    run: "across-nodes",
    read: (rows: readonly PlaceLike[]) => placeOf(rows, "another node", 100),
  },
  {
    ...{ id: "F6", what: "reconnect with 3 missed", target: "100 ms, at most 500 ms" },
    run: "reconnect",
    read: (
      rows: readonly {
        readonly wait: string;
        readonly whole: { readonly p50: number; readonly max: number };
        readonly attempt: { readonly p50: number; readonly max: number };
        readonly wrong: number;
      }[],
    ) => {
      const words = rows.map(
        ({ whole, attempt }) =>
          `${attempt.p50.toFixed(0)} ms, at most ${attempt.max.toFixed(0)}, and a wait of ${(whole.p50 - attempt.p50).toFixed(0)}`,
      );
      const isMet = rows.every(
        ({ attempt, wrong }) => attempt.p50 <= 100 && attempt.max <= 500 && wrong === 0,
      );
      return { words: words.join("; "), isMet };
    },
  },
  {
    ...{ id: "F7", what: "throughput per node", target: "10,000 messages/s" },
    run: "fanout",
    read: (rows: readonly (PacedLike & { deliveredPerSecond: number; serverCpu: number })[]) => {
      const { deliveredPerSecond, serverCpu } = byTarget(rows, ours);
      return {
        words: `${count(deliveredPerSecond)} deliveries/s with ${Math.round(serverCpu * 100)} % of a core`,
        isMet: deliveredPerSecond >= 10_000,
      };
    },
  },
  {
    ...{ id: "F8", what: "ten nodes, 10,000 connections", target: "100,000 messages/s" },
    run: "ten-nodes",
    read: ([row]: readonly [{ perSecond: Median; faults: readonly string[] }]) => ({
      words: `${count(row.perSecond.median)} deliveries/s${faultWords(row.faults)}`,
      isMet: row.perSecond.median >= 99_000 && row.faults.length === 0,
    }),
  },
  {
    ...{ id: "F9", what: "client in a browser, 10 events/s" },
    ...{ target: "connect < 500 ms, CPU < 3 %, no leak", run: "browser" },
    read: ([row]: readonly [BrowserRow]) => {
      const { connectMs, cpu, grownByClients, grownByEvents, lost } = row;
      const grown = Math.max(grownByClients.median, grownByEvents.median);
      return {
        words: `${connectMs.median.toFixed(0)} ms, at most ${connectMs.max.toFixed(0)}; ${(cpu.median * 100).toFixed(1)} % of a core; the heap grew by ${Math.round(grown / 1_024)} KB, ${lost} lost`,
        isMet: connectMs.max < 500 && cpu.median < 0.03 && grown < leastLeak && lost === 0,
      };
    },
  },
  {
    ...{ id: "T1", what: "fan-out, one a write" },
    ...{ target: "≤ 1.15 × floor, ≤ 0.8 × Socket.IO", run: "fanout" },
    read: (rows: readonly PacedLike[]) => {
      const { toFloor, toSocketIo } = ratiosOf(rows);
      return {
        words: `${times(toFloor)} floor, ${toSocketIo.median.toFixed(2)} × Socket.IO`,
        isMet: toFloor.median <= 1.15 && toSocketIo.median <= 0.8,
      };
    },
  },
  {
    ...{ id: "T2", what: "fan-out, bursts of 50", target: "≤ 0.05 × Socket.IO", run: "burst" },
    read: (rows: readonly PacedLike[]) => {
      const { toFloor, toSocketIo } = ratiosOf(rows);
      return {
        words: `${toSocketIo.median.toFixed(3)} × Socket.IO, ${times(toFloor)} floor`,
        isMet: toSocketIo.median <= 0.05,
      };
    },
  },
  {
    ...{ id: "T3", what: "single deliveries by HTTP, 5,000/s" },
    ...{ target: "≥ 10,000/s a core, p99 ≤ 20 ms", run: "unicast" },
    read: (rows: readonly { target: string; serverUs: Median; p99Ms: Median; toWs: Median }[]) => {
      const { serverUs, p99Ms, toWs } = byTarget(rows, "milepost");
      const perCore = 1e6 / serverUs.median;
      return {
        words: `${count(perCore)} a core, p99 ${p99Ms.median.toFixed(1)} ms, ${times(toWs)} \`ws\``,
        isMet: perCore >= 10_000 && p99Ms.median <= 20,
      };
    },
  },
  {
    ...{ id: "T4", what: "memory of a connection" },
    ...{ target: "≤ 8 KB, ≤ 1.3 × `ws`", run: "memory" },
    read: (rows: readonly { target: string; residentBytes: Median }[]) => {
      const bytes = byTarget(rows, "milepost-own").residentBytes.median;
      const ratio = bytes / byTarget(rows, "ws").residentBytes.median;
      return {
        words: `${(bytes / 1_024).toFixed(1)} KB with a channel of its own, ${ratio.toFixed(2)} × \`ws\``,
        isMet: bytes <= 8_192 && ratio <= 1.3,
      };
    },
  },
  {
    ...{ id: "T5", what: "48,000 connections over 4 workers" },
    ...{ target: "≤ 500 MB RSS, connect p99 < 100 ms at 1,000/s", run: "deployment" },
    read: ([{ connected, report }]: readonly [DeploymentLike]) => ({
      words: `${mb(connected.residentBytes)}, p99 ${ms(report.connect.latency.p99Us)}, ${report.delivery.missing} lost`,
      isMet:
        connected.residentBytes <= 500 * 2 ** 20 &&
        report.connect.latency.p99Us < 100_000 &&
        report.connect.opened === report.connect.asked,
    }),
  },
  {
    ...{ id: "T6", what: "latency at 5,000 deliveries/s" },
    ...{ target: "p99 ≤ 5 ms on a node, ≤ 20 ms across", run: "across-nodes" },
    read: (rows: readonly PlaceLike[]) => {
      const p99 = (name: string) => rows.find(({ place }) => place === name)?.p99.median;
      const [memory, same = Number.NaN, other = Number.NaN] = [
        p99("in memory"),
        p99("the same node"),
        p99("another node"),
      ];
      const alone = memory === undefined ? "" : `${memory.toFixed(1)} ms in memory, `;
      return {
        words: `${alone}${same.toFixed(1)} ms, ${other.toFixed(1)} ms`,
        isMet: (memory ?? 0) <= 5 && same <= 5 && other <= 20,
      };
    },
  },
  {
    ...{ id: "T7", what: "10,000 cut at once, 50 missed" },
    ...{ target: "≤ 10 s, none lost or repeated", run: "comeback" },
    read: (rows: readonly { absence: string; seconds: Median; faults: readonly string[] }[]) => {
      const faults = rows.flatMap((row) => row.faults);
      const slowest = Math.max(...rows.map(({ seconds }) => seconds.max));
      return {
        words: `at most ${slowest.toFixed(1)} s${faults.length === 0 ? ", none lost" : faultWords(faults)}`,
        isMet: slowest <= 10 && faults.length === 0,
      };
    },
  },
  {
    ...{ id: "T8", what: "publish with history over Redis" },
    ...{ target: "≥ 20,000/s a node", run: "redis-append" },
    read: (rows: readonly { kind: string; perSecond: Median }[]) => ({
      words: rows.map(({ kind, perSecond }) => `${count(perSecond.median)}/s ${kind}`).join(", "),
      isMet: rows.every(({ perSecond }) => perSecond.median >= 20_000),
    }),
  },
  {
    ...{ id: "T9", what: "client, minified and gzipped" },
    ...{ target: "core ≤ 9 KB, with operations ≤ 12 KB", run: "client-size" },
    read: (rows: readonly { name: string; bytes: number }[]) => {
      const size = (name: string) => found(rows, (row) => row.name === name).bytes;
      // What a page has loaded once it shows an operation, whenever it has.
      const shown = "with operations, all that shows one";
      return {
        words: `core ${kb(size("core"))}, operations ${kb(size("with operations"))}, then ${kb(size(shown))}`,
        isMet: size("core") <= 9_000 && size(shown) <= 12_000,
      };
    },
  },
  {
    ...{ id: "T10", what: "subscribers that never read" },
    ...{ target: "others' p99 within 20 %, memory bounded", run: "never-reading" },
    read: (rows: readonly { company: string; toNobody?: Median; faults: readonly string[] }[]) => {
      const deaf = rows.filter(({ company }) => company.startsWith("deaf"));
      return {
        words: deaf.map(({ toNobody }) => `${toNobody?.median.toFixed(2)} ×`).join(", "),
        isMet: deaf.every(
          ({ faults, toNobody }) => faults.length === 0 && (toNobody?.median ?? 9) <= 1.2,
        ),
      };
    },
  },
  {
    ...{
      id: "S7",
      what: "metrics, of the CPU of a delivery",
      target: "≤ 3 %",
      run: "metrics-cost",
    },
    read: (rows: readonly CostRow[]) => {
      const [metered, scraped] = ["milepost-json", "milepost-scraped"].map(
        (target) => byTarget(rows, target).toBase,
      );
      if (metered === undefined || scraped === undefined) throw new Error("a ratio is missing");
      return {
        words: `${times(metered)} without metrics, ${times(scraped)} when scraped each second`,
        isMet: metered.median <= 1.03 && scraped.median <= 1.03,
      };
    },
  },
];

function placeOf(rows: readonly PlaceLike[], place: string, mostMs: number) {
  const { p99, lost } = found(rows, (row) => row.place === place);
  return {
    words: `p99 ${p99.median.toFixed(1)} ms (${p99.min.toFixed(1)}–${p99.max.toFixed(1)}), ${lost} lost`,
    isMet: p99.median <= mostMs && lost === 0,
  };
}

function ratiosOf(rows: readonly PacedLike[]) {
  const { toFloor, toSocketIo } = byTarget(rows, ours);
  if (toFloor === undefined || toSocketIo === undefined) {
    throw new Error("the run lacks the floor or Socket.IO; run it with all its targets");
  }
  return { toFloor, toSocketIo };
}

function faultWords(faults: readonly string[]): string {
  return faults.length === 0 ? "" : `, with ${faults.length} faults, see the file`;
}

function kb(bytes: number): string {
  return `${(bytes / 1_000).toFixed(1)} KB`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function ms(us: number): string {
  return `${(us / 1_000).toFixed(us < 10_000 ? 1 : 0)} ms`;
}

/** Returns all figures; those of runs that were not made have no value. */
export function figureRows(files: FigureFiles): readonly FigureRow[] {
  return plans.map(({ read, ...plan }) => {
    const file = files.get(plan.run);
    if (file === undefined) return { ...plan, measured: undefined, isMet: undefined };
    const { words, isMet } = read(file.report.rows as never);
    return { ...plan, measured: words, isMet };
  });
}
