"use client";
import type { OperationListView } from "@milepost/client";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { useSelected } from "./use-selected.ts";

const loading: OperationListView = { kind: "loading" };

/** Returns the operations of this session and user, newest first and live, or the part that `select` picks. */
export function useOperations(): OperationListView;
export function useOperations<Part>(select: (view: OperationListView) => Part): Part;
export function useOperations<Part>(
  select: (view: OperationListView) => Part | OperationListView = (view) => view,
): Part | OperationListView {
  const client = useClient();
  const list = useMemo(() => client.operations(), [client]);
  return useSelected(list, select, loading);
}
