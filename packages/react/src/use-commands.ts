"use client";
import type { CommandOptions, OperationHandle, OperationView } from "@milepost/client";
import {
  type CommandPhase,
  commandAllowedIn,
  type OperationCommand,
  type OperationCommandName,
  type OperationStatus,
} from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { useCallback, useMemo, useState } from "react";
import { absentOperation, isHandle } from "./absent-operation.ts";
import { useSelected } from "./use-selected.ts";

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

/** Controls of the four commands, by name. */
export type CommandControls = Readonly<Record<OperationCommandName, CommandControl>>;

interface Attempt {
  /** Operation that the command was sent to. The component may show another operation by now. */
  readonly handle: OperationHandle;
  readonly sending: boolean;
  readonly error?: string;
}

interface CommandFacts {
  readonly status: OperationStatus | undefined;
  readonly cancel: OperationCommand | undefined;
  readonly pause: OperationCommand | undefined;
  readonly resume: OperationCommand | undefined;
  readonly retry: OperationCommand | undefined;
}

const loading: OperationView = { kind: "loading" };
const names = ["cancel", "pause", "resume", "retry"] as const;
const noOperation = absentOperation();
const noHandle = absentOperation(
  new MilepostError("bad_message", "useCommands takes a handle; get it from client.operation(id)"),
);

/**
 * Returns the commands of an operation with their outcomes, including commands that others sent. Without an
 * operation (`undefined` or `null`) none is available. With anything but a handle, each one fails with the reason.
 */
export function useCommands(operation: OperationHandle | null | undefined): CommandControls {
  const handle = isHandle(operation) ? operation : operation == null ? noOperation : noHandle;
  const facts = useSelected(handle, readFacts, loading);
  const [attempts, setAttempts] = useState<Partial<Record<OperationCommandName, Attempt>>>({});
  const run = useCallback(
    async (name: OperationCommandName, options: CommandOptions = {}) => {
      const note = (attempt: Omit<Attempt, "handle">) =>
        setAttempts((all) => {
          const isShown = attempt.sending || all[name]?.handle === handle;
          return isShown ? { ...all, [name]: { handle, ...attempt } } : all;
        });
      note({ sending: true });
      try {
        return await handle[name]({
          ...options,
          onPhase(phase, command) {
            note({ sending: false });
            options.onPhase?.(phase, command);
          },
        });
      } catch (error) {
        note({ sending: false, error: error instanceof Error ? error.message : String(error) });
        return undefined;
      }
    },
    [handle],
  );
  return useMemo(() => {
    const control = (name: OperationCommandName): CommandControl => {
      const attempt = attempts[name]?.handle === handle ? attempts[name] : undefined;
      const command = facts[name];
      const phase = attempt?.sending ? "sending" : command?.phase;
      const pending = phase === "sending" || phase === "requested" || phase === "acknowledged";
      const allowed: readonly OperationStatus[] = commandAllowedIn[name];
      return {
        available: !pending && facts.status !== undefined && allowed.includes(facts.status),
        phase,
        pending,
        error: pending ? undefined : attempt?.error,
        run: (options) => run(name, options),
      };
    };
    return Object.fromEntries(
      names.map((name) => [name, control(name)]),
    ) as unknown as CommandControls;
  }, [attempts, facts, handle, run]);
}

function readFacts(view: OperationView): CommandFacts {
  const state = view.kind === "ready" ? view.state : undefined;
  const last = (name: OperationCommandName) =>
    state?.commands.findLast((command) => command.command === name);
  return {
    status: state?.status,
    cancel: last("cancel"),
    pause: last("pause"),
    resume: last("resume"),
    retry: last("retry"),
  };
}
