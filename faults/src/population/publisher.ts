import { setTimeout as pause } from "node:timers/promises";
import { type Recorder, Submission } from "@milepost/checker/recording";
import { channels } from "../channels.ts";
import { secrets } from "../processes/gateway.ts";

const attemptMs = 5_000;
const retryMs = 200;
const maxAttempts = 100;

/**
 * Backend that publishes over HTTP, one entry after the other, and retries each with its key until it knows the
 * outcome, at most 100 times.
 */
export class Publisher {
  readonly #name: string;
  readonly #url: string;
  readonly #recorder: Recorder;
  readonly #intervalMs: number;
  #n = 0;
  #stopping = false;
  readonly #done: Promise<void>;
  stored = 0;

  constructor(name: string, url: string, recorder: Recorder, intervalMs: number) {
    this.#name = name;
    this.#url = url;
    this.#recorder = recorder;
    this.#intervalMs = intervalMs;
    this.#done = this.#run();
  }

  /** Stops publishing new entries and resolves once the last publish is settled. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const n = ++this.#n;
      const channel = channels[n % channels.length]?.name ?? "";
      const key = `${this.#name}-${n}`;
      const data = { publisher: this.#name, n };
      await this.#publish({ publisher: this.#name, n, channel, event: "tick", data, key });
      await pause(this.#intervalMs);
    }
  }

  async #publish(what: ConstructorParameters<typeof Submission>[1]): Promise<void> {
    const submission = new Submission(this.#recorder, what);
    while (submission.attempts < maxAttempts) {
      submission.asks(this.#name);
      const answer = await this.#ask(what);
      if (answer.published !== undefined) {
        submission.isStored(answer.published);
        this.stored++;
        return;
      }
      submission.isNot(answer.retryable ? "unknown" : "failed", answer.code);
      if (!answer.retryable) return;
      await pause(retryMs);
    }
  }

  async #ask({ channel, event, data, key }: ConstructorParameters<typeof Submission>[1]) {
    try {
      const response = await fetch(`${this.#url}/v1/publish`, {
        method: "POST",
        headers: { authorization: `Bearer ${secrets.apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({ channel, event, data, key }),
        signal: AbortSignal.timeout(attemptMs),
      });
      const body = (await response.json()) as {
        results?: readonly { position: string; duplicate: boolean }[];
        error?: { code: string; retryable?: boolean };
        code?: string;
      };
      const published = body.results?.[0];
      if (response.ok && published !== undefined) return { published, retryable: false, code: "" };
      const code = body.error?.code ?? body.code ?? `http_${response.status}`;
      return { published: undefined, retryable: response.status >= 500, code };
    } catch (error) {
      // The publish may or may not have been stored.
      const code = error instanceof Error ? error.name : "unknown";
      return { published: undefined, retryable: true, code };
    }
  }
}
