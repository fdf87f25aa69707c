import type { ConnectPlan } from "../generator/connect-plan.ts";
import { makePayload } from "../payload.ts";
import { answerCalls } from "../process/answer-calls.ts";
import { catalog, type TargetName } from "./catalog.ts";
import { type Pace, runPace } from "./pacer.ts";
import { CpuProfiler } from "./profiler.ts";
import type { Target } from "./target.ts";

let target: Target | undefined;
let published = 0;
let profiler: CpuProfiler | undefined;

function running(): Target {
  if (target === undefined) throw new Error("no target was started; call start first");
  return target;
}

const methods = {
  /** Starts a target. A process whose clock is not that of the machine takes its time from `nowUs`. */
  async start({ name }: { name: TargetName; nowUs?: number }): Promise<ConnectPlan> {
    target = await catalog[name].start();
    return target.plan;
  },

  /** Publishes `perTick` payloads on every tick of the pace. */
  async publish({ pace, perTick }: { pace: Pace; perTick: number }): Promise<void> {
    const server = running();
    await runPace(pace, (dueUs) => {
      const payloads = Array.from({ length: perTick }, (_, index) =>
        makePayload(published + index, dueUs),
      );
      published += perTick;
      server.publish(payloads);
    });
  },

  async cursors(): Promise<readonly { readonly seq: number; readonly cursor: string }[]> {
    return running().cursors?.() ?? [];
  },

  /**
   * Collects garbage, so that what remains is what the connections hold; returns the bytes in use on the heap
   * and outside it.
   */
  async collectGarbage(): Promise<{ heapBytes: number }> {
    for (let pass = 0; pass < 3; pass++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { heapUsed, external } = process.memoryUsage();
    return { heapBytes: heapUsed + external };
  },

  async startProfile(): Promise<void> {
    profiler = await CpuProfiler.start();
  },

  async saveProfile({ path }: { path: string }) {
    if (profiler === undefined) throw new Error("no profile was started; call startProfile first");
    return await profiler.save(path);
  },
};

/** Methods that the benchmark's main process can call in the server process. */
export type ServerMethods = typeof methods;

answerCalls(methods);
