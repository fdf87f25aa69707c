import type { OperationStatus } from "./operation-status.ts";

/**
 * What happens to a message that arrives while the operation is busy with an earlier one: it waits (`queue`), it is
 * refused (`reject`), or it ends the work on the earlier one (`interrupt`).
 */
export type InputPolicy = "queue" | "reject" | "interrupt";

/** A command of the operation's own, besides `cancel`, `pause`, `resume` and `retry`. */
export interface CommandDefinition {
  /** Name: a lower-case letter, then letters, digits, `_`, `-` and `.`; at most 64 characters. */
  readonly name: string;
  /** Title for people; the name if absent. */
  readonly title?: string;
  /** JSON Schema of the arguments. Without it, any arguments are accepted. */
  readonly schema?: unknown;
  /** Statuses in which the command is allowed; all that are not final if absent. */
  readonly while?: readonly OperationStatus[];
}

/** Commands and messages that an operation accepts from people while it runs. A field that is absent keeps its value. */
export interface Accepts {
  /** Commands of its own. They replace the earlier ones. */
  readonly commands?: readonly CommandDefinition[];
  /** Policy for messages that arrive while it is busy; `queue` if never given. */
  readonly inputs?: InputPolicy;
  /** True while it is busy with something other than a message, so that `reject` refuses messages. */
  readonly busy?: boolean;
}

/** Bounds of what an operation accepts. */
export const acceptsBounds = {
  commands: 50,
  /** Maximum length of the schemas of all commands together, as JSON text, in characters. */
  schemas: 64 * 1024,
} as const;

/** Commands that every operation has. */
export const builtInCommands = ["cancel", "pause", "resume", "retry"] as const;

/** True if every operation has a command of this name. */
export function isBuiltInCommand(name: string): name is (typeof builtInCommands)[number] {
  return (builtInCommands as readonly string[]).includes(name);
}

const namePattern = /^[a-z][A-Za-z0-9_.-]{0,63}$/;

/** True if a text can be the name of a command. */
export function isCommandName(text: string): boolean {
  return namePattern.test(text);
}
