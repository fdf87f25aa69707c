import type { ServerResponse } from "node:http";
import type { AdmissionMetrics, CoreLimits } from "@milepost/core";
import type { Cancel, Clock } from "@milepost/engine";

/** Parts and limits of {@link UnreadAnswers}. */
export interface UnreadAnswersOptions {
  readonly clock: Clock;
  readonly limits: Pick<CoreLimits, "answerTimeoutMs" | "maxUnreadAnswerBytes">;
  readonly metrics: Pick<AdmissionMetrics, "answersCut">;
}

interface Unread {
  /** Time on the monotonic clock at which the answer is cut, in milliseconds. */
  readonly dueAt: number;
  /** Expiry of the reader's token, in milliseconds since 1970; undefined if it has none. */
  readonly expiresAt: number | undefined;
  readonly bytes: number;
}

const checkMs = 1_000;

/**
 * Answers that are complete, but whose readers have not taken them from the gateway yet.
 *
 * Such an answer is cut when its time is over, when the token of its reader ends, and when all of them together hold too
 * many bytes; then the oldest goes first. An answer that the system takes at once is never among them.
 */
export class UnreadAnswers {
  readonly #options: UnreadAnswersOptions;
  readonly #unread = new Map<ServerResponse, Unread>();
  readonly #expiries = new WeakMap<ServerResponse, number>();
  readonly #onClose: (this: ServerResponse) => void;
  #bytes = 0;
  #cancel: Cancel | undefined;

  constructor(options: UnreadAnswersOptions) {
    this.#options = options;
    const remove = (response: ServerResponse) => this.#remove(response);
    this.#onClose = function (this: ServerResponse) {
      remove(this);
    };
  }

  /** Lets an answer end with the token of its reader. */
  endWithToken(response: ServerResponse, expiresAt: number | undefined): void {
    if (expiresAt !== undefined) this.#expiries.set(response, expiresAt);
  }

  /** Watches an answer if it is complete and bytes of it still wait for the reader. */
  watch(response: ServerResponse): void {
    const { clock, limits } = this.#options;
    const bytes = response.writableLength;
    if (!response.writableEnded || bytes === 0 || response.destroyed) return;
    this.#unread.set(response, {
      bytes,
      dueAt: clock.monotonic() + limits.answerTimeoutMs,
      expiresAt: this.#expiries.get(response),
    });
    this.#bytes += bytes;
    response.on("close", this.#onClose);
    for (const [oldest] of this.#unread) {
      if (this.#bytes <= limits.maxUnreadAnswerBytes) break;
      this.#cut(oldest, "bytes");
    }
    this.#cancel ??= clock.after(checkMs, () => this.#check());
  }

  #check(): void {
    this.#cancel = undefined;
    const { clock } = this.#options;
    for (const [response, { dueAt, expiresAt }] of this.#unread) {
      if (clock.monotonic() >= dueAt) this.#cut(response, "time");
      else if (expiresAt !== undefined && clock.now() >= expiresAt) this.#cut(response, "token");
    }
    if (this.#unread.size > 0) this.#cancel = clock.after(checkMs, () => this.#check());
  }

  #cut(response: ServerResponse, reason: "time" | "token" | "bytes"): void {
    this.#options.metrics.answersCut[reason].add(1);
    this.#remove(response);
    response.destroy();
  }

  #remove(response: ServerResponse): void {
    const unread = this.#unread.get(response);
    if (unread === undefined) return;
    this.#unread.delete(response);
    this.#bytes -= unread.bytes;
  }
}
