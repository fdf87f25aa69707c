import { type ChatMessageChunk, chatBounds } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";
import { backoffMs } from "./backoff.ts";
import { type Cancel, type Clock, systemClock } from "./clock.ts";
import { asMilepostError } from "./problem.ts";
import { type Random, systemRandom } from "./random.ts";

/** Publishes to a channel; repeating a key creates nothing. A gateway has it, in process or over HTTP. */
export type Publish = (
  channel: string,
  event: string,
  data: unknown,
  options: { readonly key: string },
) => Promise<unknown>;

/** How to stream an answer. */
export interface AnswerOptions {
  readonly publish: Publish;
  readonly chat: string;
  /** Made up when absent. */
  readonly messageId?: string;
  /** `assistant` when absent. */
  readonly role?: string;
  /** What is written within so many milliseconds goes out as one piece; 40. */
  readonly pieceMs?: number;
  /** How long to try, in milliseconds, after the gateway last took a piece; 60 s. */
  readonly giveUpMs?: number;
  /** Told when it is given up; the work is not. */
  readonly onProblem?: (error: MilepostError) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** An answer while it is written. Nothing of it throws or waits: the work goes on whether or not anybody hears. */
export interface Answer {
  readonly messageId: string;
  /** Adds text. */
  write(text: string): void;
  /** Completes the message; resolves when that is in the log, with false when it was given up. */
  end(): Promise<boolean>;
}

/** Characters that may wait for the gateway; beyond, the answer is given up. */
const maxWaiting = 1_024 * 1_024;
const retry = { baseMs: 100, capMs: 5_000 };

/**
 * Streams an answer into a chat as `chat_message_chunk` events, in order, each once: pieces are numbered and
 * their numbers are the keys, so that repeating one whose answer was lost creates nothing.
 *
 * While the gateway is slow or away what is written waits, and goes out in few large pieces.
 */
export function streamAnswer(options: AnswerOptions): Answer {
  return new AnswerStream(options);
}

class AnswerStream implements Answer {
  readonly messageId: string;
  readonly #options: AnswerOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  #waiting = "";
  #ended = false;
  #sending = false;
  #pieces = 0;
  #timer: Cancel | undefined;
  #over: boolean | undefined;
  #resolve: (delivered: boolean) => void = () => {};
  readonly #delivered: Promise<boolean>;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.messageId = options.messageId ?? this.#random.id(20);
    this.#delivered = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  write(text: string): void {
    if (this.#ended || this.#over !== undefined || text === "") return;
    this.#waiting += text;
    if (this.#waiting.length > maxWaiting) {
      this.#finish(false, asMilepostError(new Error("too much text waits for the gateway")));
      return;
    }
    if (this.#sending) return;
    this.#timer ??= this.#clock.after(this.#options.pieceMs ?? 40, () => this.#send());
  }

  end(): Promise<boolean> {
    if (!this.#ended) {
      this.#ended = true;
      if (!this.#sending && this.#over === undefined) this.#send();
    }
    return this.#delivered;
  }

  #send(): void {
    this.#timer?.();
    this.#timer = undefined;
    const content = this.#take();
    const isComplete = this.#ended && this.#waiting === "";
    const { chat, role = "assistant" } = this.#options;
    const data: ChatMessageChunk = { messageId: this.messageId, content, isComplete, role };
    this.#sending = true;
    this.#pieces++;
    const key = `answer:${this.messageId}:${this.#pieces}`;
    const since = this.#clock.monotonic();
    void this.#try(
      () => this.#options.publish(`chat:${chat}`, "chat_message_chunk", data, { key }),
      since,
      1,
    ).then((taken) => {
      this.#sending = false;
      if (!taken || this.#over !== undefined) return;
      if (isComplete) this.#finish(true);
      else if (this.#ended || this.#waiting !== "") this.#send();
    });
  }

  /** Whether the gateway took it in time. */
  async #try(publish: () => Promise<unknown>, since: number, failures: number): Promise<boolean> {
    try {
      await publish();
      return true;
    } catch (thrown) {
      const error = asMilepostError(thrown);
      const { giveUpMs = 60_000 } = this.#options;
      const waitMs = backoffMs(failures, retry, this.#random, error.retryAfterMs);
      const tooLate = this.#clock.monotonic() + waitMs - since > giveUpMs;
      if (!error.retryable || tooLate) {
        this.#finish(false, error);
        return false;
      }
      await new Promise<void>((resolve) => {
        this.#clock.after(waitMs, resolve);
      });
      return this.#over === undefined && this.#try(publish, since, failures + 1);
    }
  }

  /** At most as much as one piece may have, and no half of a sign. */
  #take(): string {
    let { length } = this.#waiting;
    if (length > chatBounds.content) {
      length = chatBounds.content;
      const last = this.#waiting.charCodeAt(length - 1);
      if (last >= 0xd800 && last <= 0xdbff) length--;
    }
    const piece = this.#waiting.slice(0, length);
    this.#waiting = this.#waiting.slice(length);
    return piece;
  }

  #finish(delivered: boolean, error?: MilepostError): void {
    if (this.#over !== undefined) return;
    this.#over = delivered;
    this.#waiting = "";
    this.#timer?.();
    this.#timer = undefined;
    this.#resolve(delivered);
    if (error === undefined) return;
    try {
      this.#options.onProblem?.(error);
    } catch {
      // Whoever listens must not be able to stop the work.
    }
  }
}
