import { spawnSync } from "node:child_process";
import { cpus } from "node:os";

/**
 * Keeps a process on one core, so that a server and its load generator do not take each other's time. Does nothing on
 * a machine with one core, or without `taskset`.
 */
export function pin(pid: number, core: 0 | 1): void {
  if (cpus().length > 1) spawnSync("taskset", ["-a", "-p", "-c", String(core), String(pid)]);
}
