import type { PendingCommand, ProducerGateway } from "@milepost/model";
import { backoffMs } from "./backoff.ts";
import type { Cancel, Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { ForeignAnswer } from "./foreign-answer.ts";
import { asMilepostError, type ProblemListener } from "./problem.ts";
import type { Random } from "./random.ts";

/** Dependencies of a {@link CommandLoop}. */
export interface CommandLoopOptions {
  readonly gateway: ProducerGateway;
  readonly clock: Clock;
  readonly random: Random;
  readonly producerId: string;
  readonly onProblem: ProblemListener;
  /**
   * Hands a command to its operation. Returns false when the operation is unknown or already had the command.
   */
  readonly deliver: (command: PendingCommand) => boolean;
}

const waitMs = 25_000;
/** Time that a response may take beyond the requested wait, in milliseconds. */
const graceMs = 10_000;
/**
 * Pause after a quick response without new commands, in milliseconds. Without this pause, such responses would
 * make the loop call without end.
 */
const idlePauseMs = 250;
const retry = { baseMs: 250, capMs: 15_000 };

/**
 * Polls the gateway for the commands to all operations of one producer. Makes one call at a time, and runs
 * while at least one {@link CommandLoop.hold} is not released.
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

  /** Keeps the loop running until the returned function is called. */
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

  /** Stops the loop permanently. */
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
      this.#isEnded = !error.retryable && !(error instanceof ForeignAnswer);
      if (this.#failures === 1 || this.#isEnded) {
        this.#options.onProblem({
          operationId: undefined,
          code: error.code,
          message: `could not poll for commands: ${error.message}`,
          effect: this.#isEnded ? "stopped" : "retrying",
        });
      }
      delayMs = backoffMs(this.#failures, retry, random, error.retryAfterMs);
    }
    this.#call = undefined;
    this.#next(Math.max(delayMs, this.#failures > 0 ? 1 : 0));
  }
}
