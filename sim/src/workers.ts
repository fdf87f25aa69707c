import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Subject } from "./options.ts";
import type { Share, ShareResult } from "./worker.ts";

const shareSize = 25;

/** Combined result of all workers. */
export interface Sweep {
  readonly seeds: number;
  readonly records: number;
  readonly bad: readonly number[];
}

/**
 * Runs seeds in several processes, each as fast as it can; hands out no more seeds once `enough` seeds have
 * broken a guarantee.
 */
export async function sweep(
  first: number,
  count: number,
  workers: number,
  mutant: string | undefined,
  subject: Subject = "clusters",
  enough = 5,
): Promise<Sweep> {
  let next = first;
  let seeds = 0;
  let records = 0;
  const bad: number[] = [];
  const nextShare = (): Share | undefined => {
    if (next >= first + count || bad.length >= enough) return undefined;
    const size = Math.min(shareSize, first + count - next);
    const share = Array.from({ length: size }, (_, i) => next + i);
    next += size;
    return { seeds: share, mutant, subject };
  };
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(fileURLToPath(new URL("worker.js", import.meta.url)));
      let share = nextShare();
      const give = () => {
        if (share === undefined) child.kill();
        else child.send(share);
      };
      child.on("message", (result: ShareResult) => {
        seeds += share?.seeds.length ?? 0;
        records += result.records;
        bad.push(...result.bad);
        share = nextShare();
        give();
      });
      child.on("error", reject);
      child.on("exit", (code) => {
        if (share === undefined) resolve();
        else
          reject(
            new Error(`a worker exited with ${code} while it ran the seeds from ${share.seeds[0]}`),
          );
      });
      give();
    });
  await Promise.all(Array.from({ length: workers }, work));
  return { seeds, records, bad: bad.sort((a, b) => a - b) };
}
