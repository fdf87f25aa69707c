import { type LoadReport, permitTarget, runLoad } from "@milepost/load";
import { createTokens } from "@milepost/server";
import { secrets } from "../processes/gateway.ts";

/** Load that runs beside the faults, in runs of the load tool one after the other. */
export class BackgroundLoad {
  readonly reports: LoadReport[] = [];
  /** Runs that could not be made, such as those that began while nobody listened. */
  readonly failures: string[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(url: string, connections: number, rate: number) {
    this.#done = connections === 0 ? Promise.resolve() : this.#run(url, connections, rate);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(url: string, connections: number, rate: number): Promise<void> {
    const tokens = createTokens(secrets.tokenSecret, Date);
    const target = await permitTarget(new URL(url), false);
    const shape = {
      ...{ connections, connectRate: 50, channels: Math.ceil(connections / 10), rate },
      ...{ seconds: 20, warmupSeconds: 0, bytes: 136 },
    };
    while (!this.#stop.signal.aborted) {
      try {
        const report = await runLoad({
          ...{ profile: "chaos", shape, target, apiKey: secrets.apiKey, processes: 1 },
          signal: this.#stop.signal,
          token: (index) =>
            tokens.mint({
              user: `load-${index}`,
              session: `load-${index}`,
              channels: { subscribe: ["bench:*"] },
            }),
        });
        this.reports.push(report);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
}
