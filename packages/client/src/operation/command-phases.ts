import type { CommandPhase, OperationCommand } from "@milepost/model";
import type { Reporter } from "../runtime/reporter.ts";
import type { CommandOptions } from "./operation.ts";

const order: readonly CommandPhase[] = [
  "requested",
  "acknowledged",
  "done",
  "refused",
  "timed_out",
];

/**
 * Reports the phases of one command as they arrive: each phase once, and never an earlier phase after a later
 * one.
 *
 * Phases may arrive before the gateway returns the command's id. They are kept and reported once the id is
 * known.
 */
export class CommandPhases {
  readonly #options: CommandOptions;
  readonly #reporter: Reporter;
  #early: OperationCommand[] = [];
  #id: string | undefined;
  #reported = -1;

  constructor(options: CommandOptions, reporter: Reporter) {
    this.#options = options;
    this.#reporter = reporter;
  }

  /**
   * Sets the command's id and reports its phases so far: those that arrived early, and those in `known`, the
   * commands of the operation's state.
   */
  follow(id: string, known: readonly OperationCommand[]): void {
    this.#id = id;
    for (const command of [...this.#early, ...known]) this.report(command);
    this.#early = [];
  }

  /** Reports the phase of a command; other commands are ignored. */
  report(command: OperationCommand): void {
    if (this.#id === undefined) {
      this.#early.push(command);
      return;
    }
    const phase = order.indexOf(command.phase);
    if (command.id !== this.#id || phase <= this.#reported) return;
    this.#reported = phase;
    this.#reporter.run(() => this.#options.onPhase?.(command.phase, command));
    if (command.phase === "acknowledged") {
      this.#reporter.run(() => this.#options.onAcknowledged?.(command));
    }
  }
}
