import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { endWithThisProcess } from "@milepost/redis/testing";

/** Characters of its output that are kept of a program. */
const keptOutput = 1_000_000;

/** Program to run. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Output that shows that the program is ready. */
  readonly ready: RegExp;
}

/** Child process of this suite; it is killed at the latest when the suite ends, even if that is killed. */
export class Child {
  readonly #process: ChildProcess;
  #printed = "";

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Starts a program and resolves once its output matches `ready`. */
  static async start({ file, args, env = {}, ready }: Command): Promise<Child> {
    const child = spawn(file, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    endWithThisProcess(child);
    const started = new Child(child);
    await new Promise<void>((resolve, reject) => {
      let isReady = false;
      const collect = (chunk: Buffer) => {
        started.#printed = (started.#printed + chunk.toString("utf8")).slice(-keptOutput);
        if (isReady || !ready.test(started.#printed)) return;
        isReady = true;
        resolve();
      };
      child.stdout.on("data", collect);
      child.stderr.on("data", collect);
      child.once("error", reject);
      child.once("exit", (code) => {
        reject(new Error(`${file} exited with ${code} during its start:\n${started.#printed}`));
      });
    });
    return started;
  }

  /** Output of the program so far, at most its last million characters. */
  get printed(): string {
    return this.#printed;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /**
   * Sends the signal and waits for the end; resolves with the exit code, or null when the signal ended the
   * process.
   */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.hasEnded) return this.#process.exitCode;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    await ended;
    return this.#process.exitCode;
  }
}
