import type { CommandOptions, OperationHandle } from "@milepost/client";
import type { CommandPhase, OperationCommand } from "@milepost/model";

/** State of one command, as a button shows it. */
export interface CommandControl {
  /** True while the operation's status allows the command and none of its kind is pending, from any user. */
  readonly available: boolean;
  /**
   * Phase of the operation's last command of this kind, from any user, as the gateway reports it; `sending`
   * while a command of this component has no phase yet. Undefined before the first.
   */
  readonly phase: CommandPhase | "sending" | undefined;
  /** True while the outcome of the command is open. */
  readonly pending: boolean;
  /**
   * Reason why the last command that this component sent failed; undefined if it did not fail or while a
   * command of this kind is pending.
   */
  readonly error: string | undefined;
  /**
   * Sends the command. Never rejects: resolves to undefined when the command failed, and `error` holds the
   * reason.
   */
  run(options?: CommandOptions): Promise<OperationCommand | undefined>;
}

/** Latest command that a component sent, as far as it knows. */
export interface Attempt {
  /** Operation that the command was sent to. The component may show another operation by now. */
  readonly handle: OperationHandle;
  readonly sending: boolean;
  readonly error?: string;
}

/**
 * Sends a command and notes what becomes of it, for {@link controlOf}. Never rejects: resolves to undefined when the command
 * failed.
 */
export async function attempt(
  handle: OperationHandle,
  note: (attempt: Attempt) => void,
  send: (options: CommandOptions) => Promise<OperationCommand>,
  options: CommandOptions = {},
): Promise<OperationCommand | undefined> {
  note({ handle, sending: true });
  try {
    return await send({
      ...options,
      onPhase(phase, command) {
        note({ handle, sending: false });
        options.onPhase?.(phase, command);
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    note({ handle, sending: false, error: reason });
    return undefined;
  }
}

/** Returns the control of a command from the last one of its name, the component's own attempt, and whether it is allowed now. */
export function controlOf(
  last: OperationCommand | undefined,
  tried: Attempt | undefined,
  isAllowed: boolean,
  run: CommandControl["run"],
): CommandControl {
  const phase = tried?.sending ? "sending" : last?.phase;
  const pending = phase === "sending" || phase === "requested" || phase === "acknowledged";
  return {
    available: !pending && isAllowed,
    phase,
    pending,
    error: pending ? undefined : tried?.error,
    run,
  };
}
