import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Generator process: orders go to it, news come from it. Disposing it ends it. */
export class Generator<Order extends object, News extends { readonly type: string }>
  implements Disposable
{
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(news: News) => void>();
  readonly #failed: Promise<never>;

  constructor(module: URL) {
    const child = fork(fileURLToPath(module), {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child = child;
    child.on("message", (news) => {
      for (const listener of this.#listeners) listener(news as News);
    });
    this.#failed = new Promise((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        reject(new Error(`a generator process ended early (${code ?? signal})`));
      });
    });
    this.#failed.catch(() => {});
  }

  order(order: Order): void {
    if (this.#child.connected) this.#child.send(order);
  }

  on(listener: (news: News) => void): void {
    this.#listeners.add(listener);
  }

  /** Resolves with the next news of a type; rejects when the process ends before. */
  next<Type extends News["type"]>(type: Type): Promise<Extract<News, { type: Type }>> {
    const arrived = new Promise<Extract<News, { type: Type }>>((resolve) => {
      const listener = (news: News) => {
        if (news.type !== type) return;
        this.#listeners.delete(listener);
        resolve(news as Extract<News, { type: Type }>);
      };
      this.#listeners.add(listener);
    });
    const next = Promise.race([arrived, this.#failed]);
    // A run waits for it only later, and a failure until then is not one that nobody handles.
    next.catch(() => {});
    return next;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
