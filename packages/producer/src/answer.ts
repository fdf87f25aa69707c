import { type ChatMessageChunk, chatBounds } from "@milepost/model";
import { cutText, type MilepostError } from "@milepost/protocol";
import { backoffMs } from "./backoff.ts";
import { type Cancel, type Clock, systemClock } from "./clock.ts";
import { asMilepostError } from "./problem.ts";
import { type Random, systemRandom } from "./random.ts";

/**
 * A function that publishes an event to a channel, over HTTP or in process. A repeated call with the same key
 * adds no second entry.
 */
export type Publish = (
  channel: string,
  event: string,
  data: unknown,
  options: { readonly key: string },
) => Promise<unknown>;

/** Options of {@link streamAnswer}. */
export interface AnswerOptions {
  readonly publish: Publish;
  readonly chat: string;
  /** Id of the chat message. Default: a random id. */
  readonly messageId?: string;
  /** Role of the message's author. Default: `assistant`. */
  readonly role?: string;
  /** Time in which written text is collected into one piece, in milliseconds. Default: 40. */
  readonly pieceMs?: number;
  /**
   * Maximum time for which one piece is retried, in milliseconds. After that the answer is given up. Default:
   * 60,000.
   */
  readonly giveUpMs?: number;
  /** Called with the error when the answer is given up. The work itself is not affected. */
  readonly onProblem?: (error: MilepostError) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Handle of an answer that is being written. Its methods never throw, and `write` never waits for the gateway.
 */
export interface Answer {
  readonly messageId: string;
  /** Appends text. Does nothing after `end()` or once the answer is given up. */
  write(text: string): void;
  /**
   * Completes the message. Resolves to true once the gateway has stored all of it, and to false when the answer
   * was given up.
   */
  end(): Promise<boolean>;
}

/**
 * Maximum length of the text that waits for the gateway, in characters. If more text waits, the answer is given
 * up.
 */
const maxWaiting = 1_024 * 1_024;
const retry = { baseMs: 100, capMs: 5_000 };

/**
 * Streams an answer into a chat as `chat_message_chunk` events, each stored once and in order. The idempotency
 * key of a piece contains the piece's number. A piece that is repeated after a lost reply therefore adds
 * nothing.
 *
 * While the gateway is slow or unreachable, written text waits. Later it is sent in a few large pieces.
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
  /** Maximum length of a piece, in characters. It shrinks when something finds a piece too large. */
  #maxPiece = chatBounds.content;
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
    if (this.#ended || this.#over !== undefined || typeof text !== "string" || text === "") return;
    this.#waiting += text;
    if (this.#waiting.length > maxWaiting) {
      this.#finish(
        false,
        asMilepostError(
          new Error("too much text waits for the gateway; write less or more slowly"),
        ),
      );
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
      content.length > 2,
    ).then((taken) => {
      this.#sending = false;
      if (this.#over !== undefined) return;
      if (!taken) {
        // A character may take two, so a piece is never shorter.
        this.#maxPiece = Math.ceil(content.length / 2);
        this.#waiting = content + this.#waiting;
        this.#send();
      } else if (isComplete) this.#finish(true);
      else if (this.#ended || this.#waiting !== "") this.#send();
    });
  }

  /**
   * Publishes one piece with retries. Resolves to true once the gateway has taken it, and to false when the
   * answer is given up or the piece, which can be split, is too large.
   */
  async #try(
    publish: () => Promise<unknown>,
    since: number,
    failures: number,
    canSplit: boolean,
  ): Promise<boolean> {
    try {
      await publish();
      return true;
    } catch (thrown) {
      const error = asMilepostError(thrown);
      if (error.code === "too_large" && canSplit) return false;
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
      return this.#over === undefined && this.#try(publish, since, failures + 1, canSplit);
    }
  }

  /**
   * Removes the text of the next piece from the waiting text and returns it: at most `#maxPiece` characters, and
   * never half a surrogate pair.
   */
  #take(): string {
    const piece = cutText(this.#waiting, this.#maxPiece);
    this.#waiting = this.#waiting.slice(piece.length);
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
      // An error in the caller's listener must not stop the work.
    }
  }
}
