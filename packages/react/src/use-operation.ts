"use client";
import type { OperationHandle, OperationView } from "@milepost/client";
import { MilepostError } from "@milepost/protocol";
import { useMemo } from "react";
import { absentOperation, isHandle } from "./absent-operation.ts";
import { useClient } from "./provider.tsx";
import { openOrError } from "./still-source.ts";
import { type CommandControls, useCommands } from "./use-commands.ts";
import { useSelected } from "./use-selected.ts";

const loading: OperationView = { kind: "loading" };

/** Operation and its commands as a component sees them. */
export interface UsedOperation<Part> extends CommandControls {
  /** The whole view, or the selected part of it. */
  readonly view: Part;
  /** Handle of the operation, for {@link useCommand} and other hooks. */
  readonly handle: OperationHandle;
}

/**
 * Watches an operation, by its id, its channel's name or its handle, while the component is mounted. Without an
 * operation (`undefined` or `null`) the view stays `loading`; with an invalid id it is `error`.
 *
 * With `select` the component renders again only when the selected part or the state of its commands changes.
 */
export function useOperation(
  operation: string | OperationHandle | null | undefined,
): UsedOperation<OperationView>;
export function useOperation<Part>(
  operation: string | OperationHandle | null | undefined,
  select: (view: OperationView) => Part,
): UsedOperation<Part>;
export function useOperation<Part>(
  operation: string | OperationHandle | null | undefined,
  select: (view: OperationView) => Part | OperationView = (view) => view,
): UsedOperation<Part | OperationView> {
  const client = useClient();
  const [handle, initial] = useMemo(() => {
    if (operation === undefined || operation === null) return [absentOperation(), loading];
    if (isHandle(operation)) return [operation, loading];
    const opened = openOrError(() => client.operation(operation));
    if (!(opened instanceof MilepostError)) return [opened, loading];
    const absent = absentOperation(opened);
    return [absent, absent.view];
  }, [client, operation]);
  const view = useSelected(handle, select, initial);
  return { view, handle, ...useCommands(handle) };
}
