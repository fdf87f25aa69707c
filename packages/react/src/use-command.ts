"use client";
import type { CommandOptions, OperationHandle, OperationView } from "@milepost/client";
import { commandAllowedIn, isFinal, type OperationState } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { useCallback, useMemo, useState } from "react";
import { absentOperation, isHandle } from "./absent-operation.ts";
import { type Attempt, attempt, type CommandControl, controlOf } from "./command-control.ts";
import { useSelected } from "./use-selected.ts";

const loading: OperationView = { kind: "loading" };
const noOperation = absentOperation();
const noHandle = absentOperation(
  new MilepostError("bad_message", "useCommand takes a handle; get it from client.operation(id)"),
);

/**
 * Returns one command of an operation with its outcome, by its name: one of the operation's own, which `state.accepts` lists,
 * or `cancel`, `pause`, `resume` or `retry`. Arguments go to `run({ args })`. A command that the operation does not accept is not
 * available. Without an operation (`undefined` or `null`) none is.
 */
export function useCommand(
  operation: OperationHandle | null | undefined,
  name: string,
): CommandControl {
  const handle = isHandle(operation) ? operation : operation == null ? noOperation : noHandle;
  const { last, isAllowed } = useSelected(
    handle,
    (view) => {
      const state = view.kind === "ready" ? view.state : undefined;
      return {
        last: state?.commands.findLast(({ command }) => command === name),
        isAllowed: state !== undefined && allows(state, name),
      };
    },
    loading,
  );
  const [tried, setTried] = useState<(Attempt & { readonly name: string }) | undefined>();
  const run = useCallback(
    (options?: CommandOptions) =>
      attempt(
        handle,
        (made) =>
          setTried((before) => {
            const isShown = made.sending || (before?.handle === handle && before.name === name);
            return isShown ? { ...made, name } : before;
          }),
        (given) => handle.command(name, given),
        options,
      ),
    [handle, name],
  );
  return useMemo(() => {
    const isOurs = tried?.handle === handle && tried.name === name;
    return controlOf(last, isOurs ? tried : undefined, isAllowed, run);
  }, [last, tried, isAllowed, run, handle, name]);
}

function allows({ status, accepts }: OperationState, name: string): boolean {
  const general = Object.hasOwn(commandAllowedIn, name)
    ? commandAllowedIn[name as keyof typeof commandAllowedIn]
    : undefined;
  if (general !== undefined) return (general as readonly string[]).includes(status);
  const own = accepts?.commands?.find((command) => command.name === name);
  return own !== undefined && !isFinal(status) && own.while?.includes(status) !== false;
}
