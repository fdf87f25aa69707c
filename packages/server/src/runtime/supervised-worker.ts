import type { Clock } from "@milepost/engine";
import { stopMessage } from "./stop-message.ts";

/** What is used of a worker of `node:cluster`. */
export interface WorkerPort {
  readonly process: {
    readonly pid?: number | undefined;
    kill(signal: NodeJS.Signals): unknown;
  };
  isConnected(): boolean;
  send(message: string, sent: () => void): unknown;
  once(event: "listening", listener: (address: { readonly port: number }) => void): unknown;
  once(event: "exit", listener: (code: number | null, signal: string | null) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** What became of a start: where the worker listens, or what it ended with before it did. */
export type Started =
  | { readonly port: number; readonly code: undefined }
  | { readonly port: undefined; readonly code: number };

/** How a worker ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Waits for things; its timers keep the process alive. */
export type WaitingClock = Pick<Clock, "monotonic" | "after">;

/** A worker from its fork to its end. */
export class SupervisedWorker {
  /** Never rejects. */
  readonly started: Promise<Started>;
  /** Never rejects. */
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
      // One that is not even there will not exit; whatever else failed is followed by its exit.
      if (port.process.pid === undefined) this.#resolveEnded({ code: 1, signal: null });
    });
  }

  get pid(): number | undefined {
    return this.#port.process.pid;
  }

  /** It has listened, and may have served somebody. */
  get listens(): boolean {
    return this.#listens;
  }

  /** It was told to end. */
  get leaves(): boolean {
    return this.#leaves;
  }

  get ageMs(): number {
    return this.#clock.monotonic() - this.#forkedAt;
  }

  /**
   * Lets it drain and waits for its end; it is killed where that takes more than `withinMs`.
   * One that does not listen yet is told when it does: before, it hears nothing, and a signal would leave what it has
   * opened by then to others to clean up.
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
    // It may be gone already: its exit says so then.
    if (this.#port.isConnected()) this.#port.send(stopMessage, () => {});
  }
}
