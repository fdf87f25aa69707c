/** What the command's exit code means, for scripts. */
export const exitCodes = {
  /** It did what was asked. */
  ok: 0,
  /** It could not: the gateway refused, or cannot be reached. */
  failure: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The configuration is wrong or lacks something. */
  config: 3,
} as const;

/** Something a command ends with, told in one line instead of a stack; an empty one has been told already. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(
    message: string,
    exitCode: number = exitCodes.failure,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = "CommandFailure";
    this.exitCode = exitCode;
  }
}
