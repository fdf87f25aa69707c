import type { CoreLog } from "@milepost/core";
import type { ProcessPort } from "./serve.ts";
import { onSighup } from "./sighup.ts";
import {
  type Ended,
  SupervisedWorker,
  type WaitingClock,
  type WorkerPort,
} from "./supervised-worker.ts";

const firstRestartMs = 100;
const maxRestartMs = 10_000;
/** A worker that lived so long was well: the next restart is quick again. */
const wellAfterMs = 10_000;
/** What a stop may take past its drain. */
const stopGraceMs = 10_000;

/** What a supervisor is made of. */
export interface SupervisorOptions {
  readonly count: number;
  readonly drainMs: number;
  /** Reads the configuration again; throws with the mistakes. */
  readonly reload: () => { readonly workers: number; readonly drainMs: number };
  readonly log: CoreLog;
  readonly process: ProcessPort;
  readonly fork: () => WorkerPort;
  readonly clock: WaitingClock;
}

/** Workers that run until this process is told to stop. */
export interface Supervising {
  /** Where all of them listen. */
  readonly port: number;
  /** Resolves with the exit code once all have ended. */
  readonly stopped: Promise<number>;
}

/** Keeps `count` workers running, replaces them on SIGHUP, and lets all end on SIGTERM or SIGINT. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  /** All that were forked and have not ended. */
  readonly #workers = new Set<SupervisedWorker>();
  /** The longest drain that one of them may have. */
  #drainMs: number;
  #restartMs = firstRestartMs;
  #cancelRestart: (() => void) | undefined;
  /** The first worker has listened: what ends from then on is made up for. */
  #running = false;
  /** While it starts and while it rolls: no other roll begins. */
  #rolling = false;
  /** SIGHUP came meanwhile: some workers may have read the configuration before that. */
  #rollsAgain = false;
  #stopping = false;
  #finish: () => void = () => {};
  #code = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#drainMs = options.drainMs;
  }

  /** Resolves once all listen; with a code where the first cannot, or all were stopped meanwhile. */
  async start(): Promise<Supervising | { readonly code: number }> {
    const { count, log, process: host } = this.#options;
    const stopped = new Promise<number>((resolve) => {
      this.#finish = () => {
        for (const signal of stopSignals) host.removeListener(signal, this.#stop);
        forgetHangUp();
        resolve(this.#code);
      };
    });
    for (const signal of stopSignals) host.on(signal, this.#stop);
    const forgetHangUp = onSighup(host, this.#onSighup);
    this.#rolling = true;
    // Alone first: what it cannot do none can, and one line says so.
    const { port, code } = await this.#fork().started;
    if (this.#stopping) return { code: await stopped };
    if (port === undefined) {
      this.#finish();
      return { code };
    }
    this.#running = true;
    const others = Array.from({ length: count - 1 }, () => this.#fork());
    await Promise.all(others.map(({ started }) => started));
    if (this.#stopping) return { code: await stopped };
    const workers = [...this.#workers].filter(({ listens }) => listens).length;
    if (workers === count) log.info({ workers, port }, "the workers listen");
    else log.warn({ workers, configured: count, port }, "some of the workers do not listen");
    this.#rolling = false;
    if (this.#rollsAgain) void this.#roll();
    return { port, stopped };
  }

  #fork(): SupervisedWorker {
    const { fork, clock } = this.#options;
    const worker = new SupervisedWorker(fork(), clock);
    this.#workers.add(worker);
    void worker.ended.then((ended) => this.#hasEnded(worker, ended));
    return worker;
  }

  #hasEnded(worker: SupervisedWorker, { code, signal }: Ended): void {
    this.#workers.delete(worker);
    if (this.#stopping) {
      // One that never listened had nothing to stop cleanly.
      if (worker.listens && code !== 0) this.#code = 1;
      if (this.#workers.size === 0) this.#finish();
      return;
    }
    if (!this.#running) return;
    const { log } = this.#options;
    const facts = { worker: worker.pid, code, signal };
    if (!worker.listens) log.error(facts, "a worker has ended before it listened");
    else if (!worker.leaves)
      log.error(facts, "a worker has ended unasked: another takes its place");
    if (worker.listens && worker.ageMs >= wellAfterMs) this.#restartMs = firstRestartMs;
    if (this.#missing > 0) this.#restartLater();
  }

  /** How many there are too few, those included that are just starting. */
  get #missing(): number {
    const staying = [...this.#workers].filter(({ leaves }) => !leaves);
    return this.#options.count - staying.length;
  }

  #restartLater(): void {
    if (this.#cancelRestart !== undefined) return;
    const delay = this.#restartMs;
    this.#restartMs = Math.min(maxRestartMs, 2 * delay);
    this.#cancelRestart = this.#options.clock.after(delay, () => {
      this.#cancelRestart = undefined;
      // A successor may have come in between.
      for (let missing = this.#missing; missing > 0; missing--) this.#fork();
    });
  }

  readonly #stop = (): void => {
    const { log } = this.#options;
    if (this.#stopping) {
      log.warn({}, "told to stop again: ends the workers at once");
      this.#code = 1;
      for (const worker of this.#workers) worker.kill();
      return;
    }
    this.#stopping = true;
    this.#cancelRestart?.();
    log.info({}, "told to stop: lets the workers drain");
    for (const worker of this.#workers) void this.#end(worker);
    if (this.#workers.size === 0) this.#finish();
  };

  readonly #onSighup = (): void => {
    if (this.#stopping) return;
    if (!this.#rolling) {
      void this.#roll();
      return;
    }
    this.#rollsAgain = true;
    this.#options.log.info({}, "told to roll in the middle of it: rolls again afterwards");
  };

  async #roll(): Promise<void> {
    this.#rolling = true;
    do {
      this.#rollsAgain = false;
      await this.#rollOnce();
    } while (this.#rollsAgain && !this.#stopping);
    this.#rolling = false;
  }

  async #rollOnce(): Promise<void> {
    const { log } = this.#options;
    const all = [...this.#workers];
    const workers = all.length;
    let replaced = 0;
    for (const old of all) {
      // Each time: a successor reads it by itself, and is not to find what the supervisor has not.
      if (!this.#reload({ replaced, workers })) return;
      if (replaced === 0)
        log.info({ workers }, "told to roll: replaces one worker after the other");
      if (this.#workers.has(old)) {
        const { code } = await this.#fork().started;
        if (this.#stopping) return;
        if (code !== undefined) {
          log.error({ code, replaced, workers }, `a new worker cannot start: ${rollStops}`);
          return;
        }
        await this.#end(old);
        if (this.#stopping) return;
      }
      replaced++;
    }
    log.info({ workers }, "all workers are replaced");
  }

  /** Whether the configuration can be used. */
  #reload(progress: { readonly replaced: number; readonly workers: number }): boolean {
    const { count, log, reload } = this.#options;
    try {
      const { workers: configured, drainMs } = reload();
      this.#drainMs = Math.max(this.#drainMs, drainMs);
      if (configured !== count && progress.replaced === 0) {
        log.warn(
          { workers: count, configured },
          "another number of workers needs a restart: it stays as it is",
        );
      }
      return true;
    } catch (error) {
      log.error({ ...progress, err: error }, `the configuration has mistakes: ${rollStops}`);
      return false;
    }
  }

  #end(worker: SupervisedWorker): Promise<void> {
    const { log } = this.#options;
    return worker.end(this.#drainMs + stopGraceMs, () =>
      log.warn({ worker: worker.pid }, "a worker does not end in time: kills it"),
    );
  }
}

const rollStops = "the roll stops here, the next SIGHUP replaces all of them";
const stopSignals = ["SIGTERM", "SIGINT"] as const;
