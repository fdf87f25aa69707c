/** Exit codes of the command, for scripts. */
export const exitCodes = {
  /** The command succeeded. */
  ok: 0,
  /** The command failed: the gateway refused it or cannot be reached. */
  failure: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The configuration is wrong or incomplete. */
  config: 3,
} as const;

/**
 * Failure that ends a command. It is printed as one line instead of a stack. An empty message means that the
 * reason was printed already.
 */
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
