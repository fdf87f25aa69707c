import { createProducer, httpGateway, type Operation } from "@milepost/producer";
import { cpuSeconds } from "../measure/process-usage.ts";
import { answerCalls } from "../process/answer-calls.ts";
import { secrets } from "../targets/served-node.ts";

/** Kinds of reports that a job makes; `none` is a job that only keeps the pace. */
export const reportKinds = ["none", "progress", "step", "log", "text"] as const;
export type ReportKind = (typeof reportKinds)[number];

/** One job: what it reports, to which gateway, and how fast. */
export interface JobParams {
  readonly url: string;
  readonly kind: ReportKind;
  readonly perSecond: number;
  readonly seconds: number;
}

/** CPU time and delays that reporting cost the process of a job. */
export interface JobCost {
  /** Share of a core that the whole process used, with all its threads. */
  readonly cores: number;
  /** Longest time that one batch of reports, 10 ms apart, kept the job from its work, in milliseconds. */
  readonly longestMs: number;
  readonly reports: number;
}

/** Methods of a job's process. */
export type JobProcess = { run(params: JobParams): Promise<JobCost> };

/** Time between two batches of reports, in milliseconds. */
const batchMs = 10;
/** Time that does not count at the beginning, in which code is compiled and the connection opened. */
const warmUpMs = 2_000;

const line = (n: number) => `line ${n} of the output, as long as such lines are in general`;

const reports: Readonly<Record<ReportKind, (op: Operation, n: number) => void>> = {
  none: () => {},
  progress: (op, n) => op.progress({ done: n, total: 1e9, message: `file ${n}` }),
  step: (op, n) => op.step("read", { done: n, total: 1e9 }),
  log: (op, n) => op.info(line(n)),
  text: (op, n) => void op.text("output").append(`${line(n)}\n`),
};

async function runJob({ url, kind, perSecond, seconds }: JobParams): Promise<JobCost> {
  const gateway = httpGateway({ url, apiKey: secrets.apiKey });
  const producer = createProducer({ gateway, onProblem: () => {}, closingFlushMs: 100 });
  const cost = await producer.run({ kind: "bench" }, async (op): Promise<JobCost> => {
    const report = reports[kind];
    const began = performance.now();
    const end = began + warmUpMs + seconds * 1_000;
    let done = 0;
    let longestMs = 0;
    let from: { readonly cpu: number; readonly at: number; readonly done: number } | undefined;
    for (let now = began; now < end; now = performance.now()) {
      if (from === undefined && now - began >= warmUpMs) {
        from = { cpu: cpuSeconds(process.pid), at: now, done };
        longestMs = 0;
      }
      const due = Math.floor(((now - began) * perSecond) / 1_000);
      while (done < due) report(op, done++);
      longestMs = Math.max(longestMs, performance.now() - now);
      await new Promise((resolve) => setTimeout(resolve, batchMs));
    }
    const tookMs = performance.now() - (from?.at ?? began);
    const cores = (cpuSeconds(process.pid) - (from?.cpu ?? 0)) / (tookMs / 1_000);
    return { cores, longestMs, reports: done - (from?.done ?? 0) };
  });
  await producer.close();
  return cost;
}

answerCalls({ run: runJob } satisfies JobProcess);
