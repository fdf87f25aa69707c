import type { PendingCommand, ProducerGateway } from "@milepost/model";
import { backoffMs } from "./backoff.ts";
import type { Cancel, Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { asMilepostError, type ProblemListener } from "./problem.ts";
import type { Random } from "./random.ts";

/** What the loop needs. */
export interface CommandLoopOptions {
  readonly gateway: ProducerGateway;
  readonly clock: Clock;
  readonly random: Random;
  readonly producerId: string;
  readonly onProblem: ProblemListener;
  /** Hands a command to its operation; false when it was known already. */
  readonly deliver: (command: PendingCommand) => boolean;
}

const waitMs = 25_000;
/** What an answer may take beyond the wait that was asked for. */
const graceMs = 10_000;
/** The pause after an answer that brought nothing new, so that it cannot turn into a busy loop. */
const idlePauseMs = 250;
const retry = { baseMs: 250, capMs: 15_000 };

/**
 * Waits for the commands to all operations of one producer, with one call at a time, as long as somebody
 * holds it.
 */
export class CommandLoop {
  readonly #options: CommandLoopOptions;
  #holders = 0;
  #failures = 0;
  #call: AbortController | undefined;
  #cancelPause: Cancel | undefined;
  #isEnded = false;

  constructor(options: CommandLoopOptions) {
    this.#options = options;
  }

  /** Keeps the loop going until the returned function is called. */
  hold(): Cancel {
    this.#holders++;
    if (this.#holders === 1) this.#next(0);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders--;
      if (this.#holders === 0) this.#pauseAll();
    };
  }

  /** Ends it for good. */
  close(): void {
    this.#isEnded = true;
    this.#pauseAll();
  }

  #pauseAll(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    const call = this.#call;
    this.#call = undefined;
    call?.abort();
  }

  #next(delayMs: number): void {
    if (this.#isEnded || this.#holders === 0) return;
    const { clock } = this.#options;
    const start = () => {
      this.#cancelPause = undefined;
      void this.#wait();
    };
    this.#cancelPause = delayMs === 0 ? clock.soon(start) : clock.after(delayMs, start);
  }

  async #wait(): Promise<void> {
    const { gateway, clock, random, producerId } = this.#options;
    const call = new AbortController();
    this.#call = call;
    const startedAt = clock.monotonic();
    let delayMs = 0;
    try {
      const commands = await withDeadline(
        clock,
        waitMs + graceMs,
        (signal) => gateway.pendingCommands({ producer: producerId }, waitMs, signal),
        call.signal,
      );
      if (this.#call !== call) return;
      this.#failures = 0;
      const news = commands.filter((command) => this.#options.deliver(command)).length;
      if (news === 0 && clock.monotonic() - startedAt < idlePauseMs) delayMs = idlePauseMs;
    } catch (thrown) {
      if (this.#call !== call) return;
      const error = asMilepostError(thrown);
      this.#failures++;
      this.#isEnded = !error.retryable;
      if (this.#failures === 1 || this.#isEnded) {
        this.#options.onProblem({
          operationId: undefined,
          code: error.code,
          message: `waiting for commands: ${error.message}`,
          effect: this.#isEnded ? "stopped" : "retrying",
        });
      }
      delayMs = backoffMs(this.#failures, retry, random, error.retryAfterMs);
    }
    this.#call = undefined;
    this.#next(Math.max(delayMs, this.#failures > 0 ? 1 : 0));
  }
}
