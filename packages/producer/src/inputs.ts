import type { InputPolicy, PendingInput, SteeringGateway } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { pause } from "./asking.ts";
import { backoffMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { ForeignAnswer } from "./foreign-answer.ts";
import { asMilepostError } from "./problem.ts";
import type { Random } from "./random.ts";
import type { Reporter } from "./reporter.ts";

/** Message that a person sent into the running operation. */
export interface Input<Data = unknown> {
  readonly id: string;
  readonly data: Data;
  /** User or API key that sent it. */
  readonly by?: string;
  /**
   * Signal that aborts when the work on this message must end: under the policy `interrupt` when a later one arrives, and
   * when the work itself must end.
   */
  readonly signal: AbortSignal;
}

/** Options of `op.inputs()`. */
export interface InputsOptions {
  /** Policy for a message that comes while the work is busy with an earlier one. Default: `queue`. */
  readonly policy?: InputPolicy;
}

/** Parts of an operation and its producer that its messages use. */
export interface InputsContext {
  readonly gateway: Partial<SteeringGateway>;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: Reporter;
}

const waitMs = 25_000;
const graceMs = 10_000;
/** Pause after an answer that brought nothing new, in milliseconds, so that such answers cannot make a loop. */
const idlePauseMs = 250;
const retry = { baseMs: 250, capMs: 15_000 };
/** Number of messages whose ids are remembered, so that none is taken twice. */
const remembered = 1_000;

/**
 * Messages to one operation. A message is handed to the work only when the gateway has stored that it is taken. So one that
 * was not taken comes again to the next process, and one that was taken never does.
 */
export class Inputs {
  readonly #context: InputsContext;
  readonly #waiting: PendingInput[] = [];
  readonly #known = new Set<string>();
  #after = 0;
  #policy: InputPolicy = "queue";
  #current: { readonly id: string; readonly interruption: AbortController } | undefined;
  #reading: AbortController | undefined;
  #failed: MilepostError | undefined;
  #wake: (() => void) | undefined;

  constructor(context: InputsContext) {
    this.#context = context;
  }

  /** Iterates over the messages until the caller leaves the loop or the signal aborts, whose reason it then throws. */
  read(options: InputsOptions, signal: AbortSignal): AsyncIterableIterator<Input> {
    const { gateway, reporter } = this.#context;
    if (gateway.pendingInputs === undefined) {
      throw new MilepostError("not_supported", "this gateway has no messages; use httpGateway");
    }
    if (this.#reading !== undefined) {
      throw new MilepostError(
        "not_possible_now",
        "another loop reads these messages; end it first",
      );
    }
    this.#policy = options.policy ?? "queue";
    const reading = new AbortController();
    this.#reading = reading;
    this.#failed = undefined;
    const isBusy = this.#policy === "reject" ? { busy: false } : {};
    reporter.report({ event: "accepts", data: { inputs: this.#policy, ...isBusy } });
    void this.#poll(gateway as SteeringGateway, AbortSignal.any([signal, reading.signal]));
    const end = async (): Promise<IteratorResult<Input>> => {
      this.#settle();
      this.#stop(reading);
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        if (reading.signal.aborted) return { done: true, value: undefined };
        try {
          return { done: false, value: await this.#take(signal) };
        } catch (thrown) {
          this.#stop(reading);
          throw thrown;
        }
      },
      return: end,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Ends the reading, because the operation has ended. */
  close(): void {
    if (this.#reading !== undefined) this.#stop(this.#reading);
    this.#current = undefined;
  }

  #stop(reading: AbortController): void {
    reading.abort();
    if (this.#reading !== reading) return;
    this.#reading = undefined;
    if (this.#policy === "reject") {
      this.#context.reporter.report({ event: "accepts", data: { busy: true } });
    }
  }

  /** Reports that the work has finished with the message that it took last. */
  #settle(): void {
    if (this.#current === undefined) return;
    const { id, interruption } = this.#current;
    const phase = interruption.signal.aborted ? "interrupted" : "done";
    this.#current = undefined;
    this.#context.reporter.report({ event: "input", data: { input_id: id, phase } });
  }

  async #take(signal: AbortSignal): Promise<Input> {
    this.#settle();
    for (;;) {
      signal.throwIfAborted();
      const next = this.#waiting.shift();
      if (next === undefined) {
        if (this.#failed !== undefined) throw this.#failed;
        await this.#more(signal);
        continue;
      }
      const { input_id: id, data, by } = next;
      const isTaken = await this.#context.reporter.confirm({
        event: "input",
        data: { input_id: id, phase: "taken" },
      });
      signal.throwIfAborted();
      if (!isTaken) continue;
      const interruption = new AbortController();
      this.#current = { id, interruption };
      if (this.#waiting.length > 0) this.#interrupt();
      return {
        id,
        data,
        ...(by === undefined ? {} : { by }),
        signal: AbortSignal.any([signal, interruption.signal]),
      };
    }
  }

  /** Resolves when a message may have come, or the signal aborts. */
  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #interrupt(): void {
    if (this.#policy !== "interrupt") return;
    this.#current?.interruption.abort(
      new MilepostError("cancelled", "a later message has interrupted the work on this one"),
    );
  }

  /** Receives messages until the signal aborts. Never rejects. */
  async #poll(gateway: SteeringGateway, signal: AbortSignal): Promise<void> {
    const { clock, random, reporter } = this.#context;
    if (!(await reporter.created)) return;
    let failures = 0;
    let creations = reporter.creations;
    while (!signal.aborted) {
      // A gateway that has forgotten the operation counts its messages anew.
      if (creations !== reporter.creations) this.#after = 0;
      creations = reporter.creations;
      const startedAt = clock.monotonic();
      let delayMs = 0;
      try {
        const found = await withDeadline(
          clock,
          waitMs + graceMs,
          (each) => gateway.pendingInputs(reporter.operationId, this.#after, waitMs, each),
          signal,
        );
        failures = 0;
        const news = found.filter((input) => this.#receive(input)).length;
        if (news === 0 && clock.monotonic() - startedAt < idlePauseMs) delayMs = idlePauseMs;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asMilepostError(thrown);
        const passes = error.code === "not_found" && reporter.isOpen;
        if (!error.retryable && !(error instanceof ForeignAnswer) && !passes) {
          this.#failed = error;
          this.#wake?.();
          return;
        }
        this.#after = 0;
        failures++;
        delayMs = backoffMs(failures, retry, random, error.retryAfterMs);
      }
      if (delayMs > 0) await pause(clock, delayMs, signal).catch(() => {});
    }
  }

  /** Adds a message to those that wait. Returns false for one that is known. */
  #receive(input: PendingInput): boolean {
    const { input_id: id, phase, seq } = input;
    this.#after = Math.max(this.#after, seq);
    if (this.#known.has(id)) return false;
    this.#known.add(id);
    for (const oldest of this.#known) {
      if (this.#known.size <= remembered) break;
      this.#known.delete(oldest);
    }
    if (phase === "taken") {
      // An earlier process took it and did not finish it.
      const data = { input_id: id, phase: "interrupted" } as const;
      this.#context.reporter.report({ event: "input", data });
      return true;
    }
    this.#waiting.push(input);
    this.#interrupt();
    this.#wake?.();
    return true;
  }
}
