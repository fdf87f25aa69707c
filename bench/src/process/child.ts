import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { AnswerMessage, CallMessage, Calls, ParamsOf, ResultOf } from "./calls.ts";

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const living = new Set<ChildProcess>();

/** Kills every child that is still running. Call it before this process exits. */
export function killChildren(): void {
  for (const child of living) child.kill("SIGKILL");
}

/** Child process that answers calls; disposing it kills the process. */
export class Child<Methods extends Calls<Methods>> implements AsyncDisposable {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #lastId = 0;

  /** Starts the module at `url` with the flags `nodeFlags`, by the Node that runs this process or another `program`. */
  constructor(url: URL, nodeFlags: readonly string[] = [], program = process.execPath) {
    const child = fork(fileURLToPath(url), { execArgv: [...nodeFlags], execPath: program });
    if (child.pid === undefined) throw new Error(`cannot start ${url} as a child process`);
    this.pid = child.pid;
    this.#process = child;
    living.add(child);
    child.on("message", (answer: AnswerMessage) => this.#settle(answer));
    this.#ended = new Promise((resolve) => {
      child.on("exit", (code, signal) => {
        living.delete(child);
        for (const { reject } of this.#waiting.values()) {
          reject(new Error(`${fileURLToPath(url)} ended early (${signal ?? code})`));
        }
        this.#waiting.clear();
        resolve();
      });
    });
  }

  /** Calls a method. Rejects with the child's error, when the child ends, or after `timeoutMs` milliseconds. */
  call<Name extends keyof Methods & string>(
    method: Name,
    params: ParamsOf<Methods[Name]>,
    timeoutMs = 30_000,
  ): Promise<ResultOf<Methods[Name]>> {
    this.#lastId += 1;
    const message: CallMessage = { id: this.#lastId, method, params };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(message.id);
        reject(new Error(`${method} took longer than ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.set(message.id, {
        resolve: (result) => {
          clearTimeout(timer);
          resolve(result as ResultOf<Methods[Name]>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#process.send(message, (error) => {
        if (error === null) return;
        this.#waiting.get(message.id)?.reject(error);
        this.#waiting.delete(message.id);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  #settle(answer: AnswerMessage): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting.reject(new Error(answer.error));
    else waiting.resolve(answer.result);
  }
}
