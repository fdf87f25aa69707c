import { answerCalls } from "../process/answer-calls.ts";
import { CpuProfiler } from "./profiler.ts";
import { type PublishTargetName, startPublishTarget } from "./publish-target.ts";

let profiler: CpuProfiler | undefined;

const methods = {
  async start({ name, redisUrl }: { name: PublishTargetName; redisUrl: string }): Promise<number> {
    return await startPublishTarget(name, redisUrl);
  },

  async startProfile(): Promise<void> {
    profiler = await CpuProfiler.start();
  },

  async saveProfile({ path }: { path: string }) {
    if (profiler === undefined) throw new Error("no profile was started; call startProfile first");
    return await profiler.save(path);
  },
};

/** Methods that the benchmark's main process can call in a server that takes publications. */
export type PublishServerMethods = typeof methods;

answerCalls(methods);
