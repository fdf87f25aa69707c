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
 * Tells the phases of one command as they come, each once and forward.
 *
 * The first may come before the service has said which command it is; they are kept until then.
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

  /** This is the command; it may be among those known already. */
  follow(id: string, known: readonly OperationCommand[]): void {
    this.#id = id;
    for (const command of [...this.#early, ...known]) this.report(command);
    this.#early = [];
  }

  /** A command as it now is; others are ignored. */
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
