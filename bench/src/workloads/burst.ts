import type { Options } from "../options.ts";
import { catalog, pacedTargets } from "../targets/catalog.ts";
import { runInterleaved } from "./interleaved.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

const perTick = 50;

/**
 * Factor by which targets that write each message by itself get fewer bursts. They could not keep the pace of
 * targets that join messages.
 */
const slowDown = 10;

/** Runs the workload `burst`: one channel, many subscribers, bursts of 50 publications in one tick. */
export function runBurst(options: Options, onProgress: OnProgress): Promise<WorkloadReport> {
  const { bursts, subscribers, seconds, rounds } = options;
  return runInterleaved(
    {
      workload: "burst",
      what: `1 channel x ${subscribers} subscribers, ${bursts} bursts/s of ${perTick} publications of 136 bytes in one tick; ${rounds} rounds of ${seconds} s`,
      targets: options.targets ?? pacedTargets,
      notes: [
        `targets that write each message by itself get ${bursts / slowDown} bursts/s; at the full rate they would need more than one core`,
      ],
      loadOf: (target) => ({
        perTick,
        ticksPerSecond: catalog[target].joins ? bursts : bursts / slowDown,
      }),
    },
    options,
    onProgress,
  );
}
