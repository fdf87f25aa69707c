import { writeFile } from "node:fs/promises";
import { type Profiler as Inspector, Session } from "node:inspector/promises";

/** Profiles the CPU use of this process from `start` until `save`. */
export class CpuProfiler {
  readonly #session = new Session();

  private constructor() {
    this.#session.connect();
  }

  static async start(): Promise<CpuProfiler> {
    const profiler = new CpuProfiler();
    await profiler.#session.post("Profiler.enable");
    await profiler.#session.post("Profiler.setSamplingInterval", { interval: 200 });
    await profiler.#session.post("Profiler.start");
    return profiler;
  }

  /** Stops profiling, writes the profile to a `.cpuprofile` file at `path`, and returns it. */
  async save(path: string): Promise<Inspector.Profile> {
    const { profile } = await this.#session.post("Profiler.stop");
    this.#session.disconnect();
    await writeFile(path, JSON.stringify(profile));
    return profile;
  }
}
