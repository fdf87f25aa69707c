import type { CommandDefinition, PendingCommand } from "@milepost/model";
import { eventBounds } from "@milepost/model";
import { cutText } from "@milepost/protocol";
import type { Cancel, Clock } from "./clock.ts";
import { messageOf } from "./outcome.ts";
import type { Reporter } from "./reporter.ts";

/** Declaration of a command of the operation's own: its title, the JSON Schema of its arguments, and when it is allowed. */
export type OwnCommand = Omit<CommandDefinition, "name">;

/** A command as its handler receives it. */
export interface ReceivedCommand {
  readonly id: string;
  readonly command: string;
  /** User or API key that sent it. */
  readonly by?: string;
}

/** Function that carries a command out. The command is `done` when it returns, and `refused` with its message if it throws. */
export type CommandHandler = (args: unknown, command: ReceivedCommand) => unknown;

/** Function that reports on a command. */
export type AnswerCommand = (
  command: PendingCommand,
  phase: "acknowledged" | "done" | "refused",
  reason?: string,
) => void;

/**
 * Time for which a command waits for the work to declare its handler, in milliseconds. A process that was restarted
 * may receive a command before it has come so far.
 */
const handlerWaitMs = 5_000;

/** Commands that an operation declares itself, and their handlers. */
export class OwnCommands {
  readonly #clock: Clock;
  readonly #reporter: Reporter;
  readonly #answer: AnswerCommand;
  readonly #handlers = new Map<string, CommandHandler>();
  readonly #definitions = new Map<string, CommandDefinition>();
  readonly #held = new Map<PendingCommand, Cancel>();
  #isPlanned = false;

  constructor(clock: Clock, reporter: Reporter, answer: AnswerCommand) {
    this.#clock = clock;
    this.#reporter = reporter;
    this.#answer = answer;
  }

  /** Declares a command. A later declaration of the same name replaces the earlier one. */
  declare(name: string, definition: OwnCommand, handler: CommandHandler): void {
    this.#handlers.set(name, handler);
    this.#definitions.set(name, { ...definition, name });
    for (const [command, cancel] of [...this.#held]) {
      if (command.command !== name) continue;
      cancel();
      this.#held.delete(command);
      this.run(command);
    }
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    // Commands that are declared together are one event.
    this.#clock.soon(() => {
      this.#isPlanned = false;
      const commands = [...this.#definitions.values()];
      this.#reporter.report({ event: "accepts", data: { commands } });
    });
  }

  /** Carries a command out, or holds it until its handler is declared. */
  run(command: PendingCommand): void {
    const handler = this.#handlers.get(command.command);
    if (handler === undefined) {
      const cancel = this.#clock.after(handlerWaitMs, () => {
        this.#held.delete(command);
        this.#answer(command, "refused", `the work knows no command ${command.command}`);
      });
      this.#held.set(command, cancel);
      return;
    }
    this.#answer(command, "acknowledged");
    const { command_id: id, command: name, args, by } = command;
    const received = { id, command: name, ...(by === undefined ? {} : { by }) };
    (async () => handler(args, received))().then(
      () => this.#answer(command, "done"),
      (thrown: unknown) =>
        this.#answer(command, "refused", cutText(messageOf(thrown), eventBounds.message)),
    );
  }

  /** Refuses what still waits for its handler, because the operation has ended. */
  close(): void {
    for (const [command, cancel] of this.#held) {
      cancel();
      this.#answer(command, "refused", "the operation has ended");
    }
    this.#held.clear();
  }
}
