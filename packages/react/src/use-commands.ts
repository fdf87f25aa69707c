"use client";
import type { CommandOptions, OperationHandle, OperationView } from "@milepost/client";
import {
  commandAllowedIn,
  type OperationCommand,
  type OperationCommandName,
  type OperationStatus,
} from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { useCallback, useMemo, useState } from "react";
import { absentOperation, isHandle } from "./absent-operation.ts";
import { type Attempt, attempt, type CommandControl, controlOf } from "./command-control.ts";
import { useSelected } from "./use-selected.ts";

/** Controls of the four commands, by name. */
export type CommandControls = Readonly<Record<OperationCommandName, CommandControl>>;

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
    (name: OperationCommandName, options?: CommandOptions) =>
      attempt(
        handle,
        (made) =>
          setAttempts((all) => {
            const isShown = made.sending || all[name]?.handle === handle;
            return isShown ? { ...all, [name]: made } : all;
          }),
        (given) => handle[name](given),
        options,
      ),
    [handle],
  );
  return useMemo(() => {
    const { status } = facts;
    const control = (name: OperationCommandName): CommandControl => {
      const tried = attempts[name]?.handle === handle ? attempts[name] : undefined;
      const allowed: readonly OperationStatus[] = commandAllowedIn[name];
      const isAllowed = status !== undefined && allowed.includes(status);
      return controlOf(facts[name], tried, isAllowed, (options) => run(name, options));
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
