import cluster, { type Worker } from "node:cluster";
import type { CoreLog } from "@milepost/core";
import type { ProcessPort } from "./serve.ts";
import { stopMessage } from "./stop-message.ts";

const firstRestartMs = 100;
const maxRestartMs = 10_000;
/** A worker that lived so long was well: the next restart is quick again. */
const wellAfterMs = 10_000;
/** What a stop may take past its drain. */
const stopGraceMs = 10_000;

/** What workers are run with. */
export interface WorkersOptions {
  readonly count: number;
  readonly drainMs: number;
  /** Variables of the workers besides those of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Reads the configuration again; throws with the mistakes. */
  readonly reload: () => void;
  readonly log: CoreLog;
  readonly process: ProcessPort;
}

/** Workers that run until this process is told to stop. */
export interface Supervising {
  /** Where all of them listen. */
  readonly port: number;
  /** Resolves with the exit code once all have ended. */
  readonly stopped: Promise<number>;
}

/**
 * Runs the command of this process in several processes on one port, and starts anew what ends unasked.
 *
 * Connections go to the workers in turn, since long-lived ones spread unevenly when whoever is quickest takes them.
 * SIGTERM and SIGINT drain all, a second one ends them at once; SIGHUP replaces them one after the other, each new one
 * listening before its predecessor drains, with the configuration as it is then: one with mistakes changes nothing.
 * When this process dies the workers end. Resolves with undefined when the first worker cannot start, after it has said why;
 * then `code` is what it ended with.
 */
export async function superviseWorkers(
  options: WorkersOptions,
): Promise<Supervising | { readonly code: number }> {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const supervisor = new Supervisor(options);
  return supervisor.start();
}

/** What became of a start: where it listens, or what it ended with. */
type Forked =
  | { readonly port: number; readonly code: undefined }
  | { readonly port: undefined; readonly code: number };

class Supervisor {
  readonly #options: WorkersOptions;
  readonly #workers = new Set<Worker>();
  /** Those that were told to end. */
  readonly #leaving = new Set<Worker>();
  #restartMs = firstRestartMs;
  #stopping = false;
  #rolling = false;
  #finish: (code: number) => void = () => {};
  #code = 0;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  async start(): Promise<Supervising | { readonly code: number }> {
    const { count, log, process: host } = this.#options;
    const stopped = new Promise<number>((resolve) => {
      this.#finish = resolve;
    });
    host.on("SIGTERM", this.#stop);
    host.on("SIGINT", this.#stop);
    host.on("SIGHUP", this.#roll);
    this.#rolling = true;
    // Alone first: what it cannot do none can, and one line says so.
    const first = await this.#fork();
    if (first.port === undefined) return { code: first.code };
    const others = Array.from({ length: count - 1 }, () => this.#fork());
    for (const { code } of await Promise.all(others)) {
      if (code !== undefined) this.#restartLater();
    }
    this.#rolling = false;
    log.info({ workers: count, port: first.port }, "the workers listen");
    return { port: first.port, stopped };
  }

  /** Starts a worker and waits until it listens or has ended. */
  #fork(): Promise<Forked> {
    const worker = cluster.fork(this.#options.env);
    const began = performance.now();
    let listens = false;
    return new Promise((resolve) => {
      worker.once("listening", ({ port }) => {
        listens = true;
        this.#workers.add(worker);
        resolve({ port, code: undefined });
      });
      worker.once("exit", (code, signal) => {
        this.#workers.delete(worker);
        const wasTold = this.#leaving.delete(worker);
        if (wasTold && code !== 0) this.#code = 1;
        if (!listens) resolve({ port: undefined, code: code ?? 1 });
        else if (!wasTold && !this.#stopping) this.#replace(worker, code, signal, began);
        if (this.#stopping && this.#workers.size === 0) this.#finish(this.#code);
      });
    });
  }

  #replace(worker: Worker, code: number, signal: string, began: number): void {
    const { log } = this.#options;
    const facts = { pid: worker.process.pid, code, signal };
    log.error(facts, "a worker has ended unasked: another takes its place");
    if (performance.now() - began >= wellAfterMs) this.#restartMs = firstRestartMs;
    this.#restartLater();
  }

  #restartLater(): void {
    const delay = this.#restartMs;
    this.#restartMs = Math.min(maxRestartMs, 2 * delay);
    setTimeout(() => {
      if (this.#stopping) return;
      void this.#fork().then(({ code }) => {
        if (code !== undefined && !this.#stopping) this.#restartLater();
      });
    }, delay);
  }

  readonly #stop = (): void => {
    const { log } = this.#options;
    if (this.#stopping) {
      log.warn({}, "told to stop again: ends the workers at once");
      this.#code = 1;
      for (const worker of this.#workers) worker.process.kill("SIGKILL");
      return;
    }
    this.#stopping = true;
    log.info({}, "told to stop: lets the workers drain");
    for (const worker of this.#workers) void this.#end(worker);
    if (this.#workers.size === 0) this.#finish(this.#code);
  };

  readonly #roll = (): void => {
    const { log, reload } = this.#options;
    if (this.#rolling || this.#stopping) return;
    try {
      reload();
    } catch (error) {
      log.error({ err: error }, "the configuration has mistakes: the workers stay as they are");
      return;
    }
    this.#rolling = true;
    log.info({ workers: this.#workers.size }, "told to roll: replaces one worker after the other");
    void this.#rollAll().finally(() => {
      this.#rolling = false;
    });
  };

  async #rollAll(): Promise<void> {
    const { log } = this.#options;
    for (const old of [...this.#workers]) {
      if (!this.#workers.has(old)) continue;
      const { code } = await this.#fork();
      if (this.#stopping) return;
      if (code !== undefined) {
        log.error({ code }, "a new worker cannot start: the old ones stay");
        return;
      }
      await this.#end(old);
    }
    log.info({ workers: this.#workers.size }, "all workers are replaced");
  }

  /** Lets a worker drain and waits for its end. */
  #end(worker: Worker): Promise<void> {
    if (!this.#workers.has(worker)) return Promise.resolve();
    this.#leaving.add(worker);
    return new Promise((resolve) => {
      const { drainMs } = this.#options;
      const late = setTimeout(() => worker.process.kill("SIGKILL"), drainMs + stopGraceMs);
      worker.once("exit", () => {
        clearTimeout(late);
        resolve();
      });
      if (worker.isConnected()) worker.send(stopMessage);
    });
  }
}
