import type { LoadReport } from "./report.ts";
import { byteWords, numberWords, timeWords } from "./words.ts";

/** Figure of two runs. */
export interface ComparedFigure {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** The figure after, divided by that before; undefined when there was none before. */
  readonly ratio: number | undefined;
  /** True when less is better. */
  readonly lessIsBetter: boolean;
  /** Change for the worse, in percent; 0 or less is none. */
  readonly worsePercent: number;
  readonly words: readonly [before: string, after: string];
}

/** Comparison of two runs. */
export interface Comparison {
  readonly figures: readonly ComparedFigure[];
  /** Differences that make the two runs hard to compare: another machine, shape or limit. */
  readonly cautions: readonly string[];
}

interface Measure {
  readonly name: string;
  readonly of: (report: LoadReport) => number | undefined;
  readonly words: (value: number) => string;
  readonly lessIsBetter: boolean;
}

const measures: readonly Measure[] = [
  ...(["connect", "publish", "delivery"] as const).flatMap((part) =>
    (
      [
        ["p50", "p50Us"],
        ["p99", "p99Us"],
        ["p99.9", "p999Us"],
      ] as const
    ).map(([percentile, field]) => ({
      name: `${part} ${percentile}`,
      of: (report: LoadReport) =>
        report[part].latency.count === 0 ? undefined : report[part].latency[field],
      words: timeWords,
      lessIsBetter: true,
    })),
  ),
  count("connections", ({ connect }) => connect.opened, false),
  count("publications/s", ({ publish }) => publish.acceptedPerSecond, false),
  count("deliveries/s", ({ delivery }) => delivery.perSecond, false),
  count("lost", ({ delivery }) => delivery.missing, true),
  count("repeated or late", ({ delivery }) => delivery.repeated, true),
  count("bytes a delivery", ({ delivery }) => delivery.bytesPerDelivery, true),
  count("gateway µs a delivery", ({ server }) => server?.cpuUsPerDelivery, true),
  count("gateway µs a connect", ({ server }) => server?.cpuUsPerConnect, true),
  {
    name: "gateway memory a connection",
    of: ({ server }) => server?.bytesPerConnection,
    words: byteWords,
    lessIsBetter: true,
  },
];

function count(name: string, of: Measure["of"], lessIsBetter: boolean): Measure {
  return { name, of, words: numberWords, lessIsBetter };
}

/** Compares two runs. Figures that one of them lacks are left out. */
export function compareReports(before: LoadReport, after: LoadReport): Comparison {
  const figures = measures.flatMap(({ name, of, words, lessIsBetter }) => {
    const [a, b] = [of(before), of(after)];
    if (a === undefined || b === undefined) return [];
    const ratio = a === 0 ? undefined : b / a;
    const change = a === 0 ? (b === 0 ? 0 : Number.POSITIVE_INFINITY) : ((b - a) / a) * 100;
    const worsePercent = lessIsBetter ? change : -change;
    return [
      {
        ...{ name, before: a, after: b, ratio, lessIsBetter, worsePercent },
        words: [words(a), words(b)] as const,
      },
    ];
  });
  return { figures, cautions: cautionsOf(before, after) };
}

function cautionsOf(before: LoadReport, after: LoadReport): readonly string[] {
  const cautions: string[] = [];
  const same = (name: string, a: unknown, b: unknown) => {
    const [one, other] = [JSON.stringify(a), JSON.stringify(b)];
    if (one !== other) cautions.push(`the runs had another ${name}: ${one} and ${other}`);
  };
  for (const key of Object.keys(before.shape) as (keyof LoadReport["shape"])[]) {
    same(key, before.shape[key], after.shape[key]);
  }
  for (const key of ["cpu", "cores", "node"] as const) {
    same(key, before.machine[key], after.machine[key]);
  }
  same("number of processes", before.processes, after.processes);
  [before, after].forEach((report, i) => {
    const which = i === 0 ? "first" : "second";
    if (report.wasInterrupted) cautions.push(`the ${which} run was interrupted`);
    for (const warning of report.warnings) cautions.push(`the ${which} run: ${warning}`);
  });
  return cautions;
}
