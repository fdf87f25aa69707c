import { readdirSync, readFileSync } from "node:fs";

/**
 * Clock ticks per second in the kernel's process statistics (USER_HZ): 100 on every architecture that Node runs
 * on.
 */
const ticksPerSecond = 100;

/**
 * Returns the CPU time, user and system, that a process and all its threads have used, in seconds.
 *
 * The kernel keeps this count in `/proc/<pid>/stat`, so measuring costs the process nothing. The resolution is
 * 10 ms.
 */
export function cpuSeconds(pid: number): number {
  return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** Returns user plus system time, in seconds, from the text of a `/proc/<pid>/stat`. */
export function parseCpuSeconds(stat: string): number {
  // The command's name is in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) throw new Error(`not the text of a /proc/<pid>/stat: ${stat}`);
  return ticks / ticksPerSecond;
}

/**
 * Returns the time that all threads of a process that still live have run on a core, in seconds. The kernel counts it in
 * nanoseconds, so short windows can be compared.
 */
export function runningSeconds(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => {
    const [running = "0"] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ");
    return sum + Number(running) / 1e9;
  }, 0);
}

/** Returns the CPU time that all cores of the machine together have worked, for any process, in seconds. */
export function machineCpuSeconds(): number {
  return parseMachineCpuSeconds(readFileSync("/proc/stat", "utf8"));
}

/**
 * Returns the working time of all cores, in seconds, from the text of a `/proc/stat`. Idle time, waits for a
 * disk and time taken by the host do not count.
 */
export function parseMachineCpuSeconds(stat: string): number {
  const [, ...words] = /^cpu +.*$/m.exec(stat)?.[0].split(/ +/) ?? [];
  const [user, nice, system, , , irq, softirq] = words.map(Number);
  const ticks = [user, nice, system, irq, softirq].reduce<number>((sum, n) => sum + Number(n), 0);
  if (!Number.isFinite(ticks)) throw new Error(`not the text of a /proc/stat: ${stat}`);
  return ticks / ticksPerSecond;
}

/** Returns the bytes of RAM that a process holds, from `/proc/<pid>/status`. */
export function residentBytes(pid: number): number {
  return parseResidentBytes(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Returns VmRSS, in bytes, from the text of a `/proc/<pid>/status`. */
export function parseResidentBytes(status: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (match === null) throw new Error("no VmRSS in /proc/<pid>/status");
  return Number(match[1]) * 1024;
}

/** Returns the bytes of RAM of a process in which a page that n processes share counts as the nth part of one. */
export function proportionalBytes(pid: number): number {
  return parseProportionalBytes(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
}

/** Returns Pss, in bytes, from the text of a `/proc/<pid>/smaps_rollup`. */
export function parseProportionalBytes(rollup: string): number {
  const match = /^Pss:\s+(\d+) kB$/m.exec(rollup);
  if (match === null) throw new Error("no Pss in /proc/<pid>/smaps_rollup");
  return Number(match[1]) * 1024;
}

/** Returns a process and all processes that come from it. */
export function processTree(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}
