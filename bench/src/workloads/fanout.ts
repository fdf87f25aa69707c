import type { Options } from "../options.ts";
import { pacedTargets } from "../targets/catalog.ts";
import { runInterleaved } from "./interleaved.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

/** Runs the workload `fanout`: one channel, many subscribers, paced so that every write carries one message. */
export function runFanout(options: Options, onProgress: OnProgress): Promise<WorkloadReport> {
  const { rate = 50, subscribers, seconds, rounds } = options;
  return runInterleaved(
    {
      workload: "fanout",
      what: `1 channel x ${subscribers} subscribers, ${rate} publications/s of 136 bytes, one at a time; ${rounds} rounds of ${seconds} s`,
      targets: options.targets ?? pacedTargets,
      notes: [],
      loadOf: () => ({ ticksPerSecond: rate, perTick: 1 }),
    },
    options,
    onProgress,
  );
}
