import type { ProcessLoad } from "./processes/messages.ts";

/** Share of a core above which a generator process no longer keeps its schedule. */
const maxProcessShare = 0.85;
/** Delay of the event loop above which latencies contain the generator's own, in milliseconds. */
const maxLoopDelayMs = 10;
/** Share of all cores above which server and generator wait for each other. */
const maxMachineShare = 0.9;

/** Returns a warning for each way in which the generator limited the run, and not the server. */
export function generatorWarnings(
  processes: readonly ProcessLoad[],
  machineShare: number,
  isLoopback: boolean,
): readonly string[] {
  const warnings: string[] = [];
  const busy = processes.filter(({ cpuShare }) => cpuShare > maxProcessShare);
  if (busy.length > 0) {
    const most = Math.max(...busy.map(({ cpuShare }) => cpuShare));
    warnings.push(
      `the generator is the limit: ${busy.length} of its ${processes.length} processes used up to ${percent(most)} of a core; use more --processes on a machine with more cores, or a lower --rate`,
    );
  }
  const late = Math.max(0, ...processes.map(({ loopDelayP99Ms }) => loopDelayP99Ms));
  if (busy.length === 0 && late > maxLoopDelayMs) {
    warnings.push(
      `the generator was late: the event loop of a process was up to ${late} ms behind (p99), and latencies contain that`,
    );
  }
  if (machineShare > maxMachineShare) {
    warnings.push(
      `the machine was full (${percent(machineShare)} of all cores)${isLoopback ? ", and the gateway shares it with the generator" : ""}: latencies are those of a queue; compare ratios, or use less load`,
    );
  }
  return warnings;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
