import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

/** Facts about the machine of the generator, without which an absolute figure means nothing. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly platform: string;
  readonly node: string;
  /** Load average of the minute before the run, in processes. */
  readonly load: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Returns how many files a process may have open, or a common default where the system does not tell. */
export function maxOpenFiles(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const hard = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(limits)?.[1];
    return hard === "unlimited" ? 1_000_000 : Number(hard ?? 4_096);
  } catch {
    return 4_096;
  }
}

/** Busy time and whole time of all cores, in milliseconds, since the machine started. */
export interface CoreTimes {
  readonly busyMs: number;
  readonly allMs: number;
}

export function coreTimes(): CoreTimes {
  let busyMs = 0;
  let allMs = 0;
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busyMs += busy;
    allMs += busy + times.idle;
  }
  return { busyMs, allMs };
}
