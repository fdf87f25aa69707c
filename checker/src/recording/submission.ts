import { hashOf } from "./hash.ts";
import type { Recorder } from "./recorder.ts";

/** What an entry is to hold. */
export interface Submitted {
  readonly publisher: string;
  readonly n: number;
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  readonly key: string;
}

/** One publish through all its attempts, as the journal knows it. */
export class Submission {
  readonly what: Submitted;
  readonly #journal: Recorder;
  readonly #hash: string;
  /** How often it was asked for. */
  attempts = 0;

  constructor(journal: Recorder, what: Submitted) {
    this.#journal = journal;
    this.what = what;
    this.#hash = hashOf(JSON.stringify(what.data ?? null));
  }

  /** It is asked for, down a line that keeps its order. */
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

  /** It was not, for good, or nobody knows. */
  isNot(outcome: "failed" | "unknown", code: string): void {
    this.#journal.add({ type: "published", ...this.#attempt, outcome, code });
  }

  get #attempt() {
    const { publisher, n } = this.what;
    return { publisher, n, attempt: this.attempts };
  }
}
