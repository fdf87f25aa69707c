import type { Clock } from "@milepost/engine";
import { stopMessage } from "./stop-message.ts";
import type { WorkerMessage } from "./worker-messages.ts";

/** Part of a worker of `node:cluster` that supervision needs. */
export interface WorkerPort {
  readonly process: {
    readonly pid?: number | undefined;
    kill(signal: NodeJS.Signals): unknown;
  };
  isConnected(): boolean;
  send(message: string | WorkerMessage, sent: () => void): unknown;
  once(event: "listening", listener: (address: { readonly port: number }) => void): unknown;
  once(event: "exit", listener: (code: number | null, signal: string | null) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "message", listener: (message: unknown) => void): unknown;
}

/**
 * Outcome of a worker's start: the port it listens on, or the exit code if it ended before it was listening.
 */
export type Started =
  | { readonly port: number; readonly code: undefined }
  | { readonly port: undefined; readonly code: number };

/** Exit code and signal of an ended worker. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Clock whose timers keep the process alive. */
export type WaitingClock = Pick<Clock, "monotonic" | "after">;

/** Worker process under supervision, from its fork to its end. */
export class SupervisedWorker {
  /** Resolves once the worker listens or has ended before that; never rejects. */
  readonly started: Promise<Started>;
  /** Resolves once the worker has ended; never rejects. */
  readonly ended: Promise<Ended>;
  readonly #port: WorkerPort;
  readonly #clock: WaitingClock;
  readonly #forkedAt: number;
  #listens = false;
  #leaves = false;
  #resolveEnded: (ended: Ended) => void = () => {};

  constructor(port: WorkerPort, clock: WaitingClock) {
    this.#port = port;
    this.#clock = clock;
    this.#forkedAt = clock.monotonic();
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.started = new Promise((resolve) => {
      port.once("listening", ({ port: listeningAt }) => {
        this.#listens = true;
        resolve({ port: listeningAt, code: undefined });
        if (this.#leaves) this.#tell();
      });
      void this.ended.then(({ code }) => resolve({ port: undefined, code: code ?? 1 }));
    });
    port.once("exit", (code, signal) => this.#resolveEnded({ code, signal }));
    port.on("error", () => {
      // A worker that could not be forked emits no exit. Every other error is followed by an exit.
      if (port.process.pid === undefined) this.#resolveEnded({ code: 1, signal: null });
    });
  }

  get pid(): number | undefined {
    return this.#port.process.pid;
  }

  /** True once the worker has begun to listen, so that it may have served clients. */
  get listens(): boolean {
    return this.#listens;
  }

  /** True once the supervisor has asked the worker to end. */
  get leaves(): boolean {
    return this.#leaves;
  }

  get ageMs(): number {
    return this.#clock.monotonic() - this.#forkedAt;
  }

  /**
   * Lets the worker drain and waits for its end; after `withinMs` milliseconds, calls `onLate` and kills the
   * worker.
   *
   * A worker that does not listen yet gets the stop message once it listens, because it cannot receive the
   * message earlier. A signal would end it at once, and what it had opened would be left to others to clean up.
   */
  async end(withinMs: number, onLate: () => void): Promise<void> {
    if (!this.#leaves) {
      this.#leaves = true;
      const cancel = this.#clock.after(withinMs, () => {
        onLate();
        this.kill();
      });
      void this.ended.then(cancel);
      if (this.#listens) this.#tell();
    }
    await this.ended;
  }

  kill(): void {
    this.#port.process.kill("SIGKILL");
  }

  #tell(): void {
    // The worker may be gone already; then its exit event follows.
    if (this.#port.isConnected()) this.#port.send(stopMessage, () => {});
  }
}
