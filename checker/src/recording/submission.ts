import { hashOf } from "./hash.ts";
import type { Recorder } from "./recorder.ts";

/** Content of a publish. */
export interface Submitted {
  readonly publisher: string;
  readonly n: number;
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  readonly key: string;
}

/** One publish with all its attempts, as the journal knows it. */
export class Submission {
  readonly what: Submitted;
  readonly #journal: Recorder;
  readonly #hash: string;
  /** Number of times the publish was requested. */
  attempts = 0;

  constructor(journal: Recorder, what: Submitted) {
    this.#journal = journal;
    this.what = what;
    this.#hash = hashOf(JSON.stringify(what.data ?? null));
  }

  /**
   * Records an attempt. Publishes of the same `line` must be stored in the order in which they were requested.
   * `fence` is the fence of the lease that the publisher reports with.
   */
  asks(line: string, fence?: number): void {
    const { publisher, n, channel, event, key } = this.what;
    const attempt = ++this.attempts;
    this.#journal.add({
      type: "publish",
      publisher,
      n,
      line,
      attempt,
      channel,
      key,
      event,
      hash: this.#hash,
      ...(fence === undefined ? {} : { fence }),
    });
  }

  isStored({ position, duplicate }: { position: string; duplicate: boolean }): void {
    const outcome = "stored";
    this.#journal.add({ type: "published", ...this.#attempt, outcome, position, duplicate });
  }

  /** Records that the publish failed for good, or that its outcome is unknown. */
  isNot(outcome: "failed" | "unknown", code: string): void {
    this.#journal.add({ type: "published", ...this.#attempt, outcome, code });
  }

  get #attempt() {
    const { publisher, n } = this.what;
    return { publisher, n, attempt: this.attempts };
  }
}
