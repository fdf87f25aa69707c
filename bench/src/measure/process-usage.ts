import { readFileSync } from "node:fs";

/** The kernel's USER_HZ: 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

/**
 * Seconds of CPU, user and system, that a process and all its threads have used.
 *
 * From `/proc/<pid>/stat`, so it is the kernel's account and costs the process nothing; the resolution
 * is 10 ms.
 */
export function cpuSeconds(pid: number): number {
  return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** Reads user and system time out of the text of a `/proc/<pid>/stat`. */
export function parseCpuSeconds(stat: string): number {
  // The command's name is in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) throw new Error(`not the text of a /proc/<pid>/stat: ${stat}`);
  return ticks / ticksPerSecond;
}

/** Seconds that the cores of the machine have worked, all together, for whomever. */
export function machineCpuSeconds(): number {
  return parseMachineCpuSeconds(readFileSync("/proc/stat", "utf8"));
}

/** Reads the time of all cores that was not idle, not waited for a disk and not taken by the host, out of the text of a `/proc/stat`. */
export function parseMachineCpuSeconds(stat: string): number {
  const [, ...words] = /^cpu +.*$/m.exec(stat)?.[0].split(/ +/) ?? [];
  const [user, nice, system, , , irq, softirq] = words.map(Number);
  const ticks = [user, nice, system, irq, softirq].reduce<number>((sum, n) => sum + Number(n), 0);
  if (!Number.isFinite(ticks)) throw new Error(`not the text of a /proc/stat: ${stat}`);
  return ticks / ticksPerSecond;
}

/** Bytes of memory that a process holds in RAM, from `/proc/<pid>/status`. */
export function residentBytes(pid: number): number {
  return parseResidentBytes(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Reads VmRSS out of the text of a `/proc/<pid>/status`. */
export function parseResidentBytes(status: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (match === null) throw new Error("no VmRSS in /proc/<pid>/status");
  return Number(match[1]) * 1024;
}
