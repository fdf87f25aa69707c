"use client";
import type { OperationHandle, OperationView } from "@milepost/client";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { type CommandControls, useCommands } from "./use-commands.ts";
import { useSelected } from "./use-selected.ts";

const loading: OperationView = { kind: "loading" };

/** Operation and its commands as a component sees them. */
export interface UsedOperation<Part> extends CommandControls {
  /** The whole view, or the selected part of it. */
  readonly view: Part;
}

/**
 * Watches an operation, by its id or handle, while the component is mounted.
 *
 * With `select` the component renders again only when the selected part or the state of its commands changes.
 */
export function useOperation(operation: string | OperationHandle): UsedOperation<OperationView>;
export function useOperation<Part>(
  operation: string | OperationHandle,
  select: (view: OperationView) => Part,
): UsedOperation<Part>;
export function useOperation<Part>(
  operation: string | OperationHandle,
  select: (view: OperationView) => Part | OperationView = (view) => view,
): UsedOperation<Part | OperationView> {
  const client = useClient();
  const handle = useMemo(
    () => (typeof operation === "string" ? client.operation(operation) : operation),
    [client, operation],
  );
  const view = useSelected(handle, select, loading);
  return { view, ...useCommands(handle) };
}
