import type { WorkloadName } from "../options.ts";

/** Run that the table of figures needs: a workload and its options. */
export interface FigureRun {
  readonly name: WorkloadName | "client-size";
  readonly args: readonly string[];
}

/** All runs, as they are made on a quiet machine; together they take about half an hour. */
export const figureRuns: readonly FigureRun[] = [
  { name: "fanout", args: ["--rounds", "5", "--seconds", "5"] },
  { name: "burst", args: ["--rounds", "5", "--seconds", "5"] },
  { name: "memory", args: ["--rounds", "3"] },
  { name: "connect", args: ["--rounds", "5", "--connections", "5000"] },
  { name: "publish", args: ["--rounds", "5", "--seconds", "4"] },
  { name: "unicast", args: ["--rounds", "5", "--seconds", "5"] },
  { name: "across-nodes", args: ["--rounds", "5", "--seconds", "5"] },
  { name: "comeback", args: ["--rounds", "3"] },
  { name: "redis-append", args: ["--rounds", "3", "--seconds", "5"] },
  { name: "never-reading", args: ["--rounds", "3", "--seconds", "20"] },
  { name: "ten-nodes", args: ["--rounds", "3", "--seconds", "10"] },
  { name: "reconnect", args: ["--rounds", "1"] },
  { name: "metrics-cost", args: ["--rounds", "10", "--seconds", "4", "--subscribers", "500"] },
  { name: "browser", args: ["--rounds", "3", "--seconds", "10"] },
  { name: "deployment", args: ["--seconds", "20"] },
  { name: "client-size", args: [] },
];
