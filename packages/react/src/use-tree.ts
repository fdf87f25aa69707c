"use client";
import { openTree, type TreeHandle, type TreeView } from "@milepost/client/tree";
import { MilepostError } from "@milepost/protocol";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { openOrError, stillSource } from "./still-source.ts";
import { type Source, useSelected } from "./use-selected.ts";

const loading: TreeView = { status: "loading", parts: [], hidden: 0, error: undefined };
const nowhere = stillSource(loading);

/** Parts of an operation, and functions that show and hide the parts of one of them. */
export interface UsedTree extends TreeView, Pick<TreeHandle, "open" | "close" | "showAll"> {}

/**
 * Returns the parts of an operation, live while the component is mounted. Does nothing without an id (`undefined` or
 * `null`). Never throws for an invalid id: the view has the `error`.
 */
export function useTree(operationId: string | null | undefined): UsedTree {
  const client = useClient();
  const [tree, source] = useMemo((): [TreeHandle | undefined, Source<TreeView>] => {
    if (operationId === undefined || operationId === null) return [undefined, nowhere];
    const opened = openOrError(() => openTree(client, client.operation(operationId).id));
    if (!(opened instanceof MilepostError)) return [opened, opened];
    return [undefined, stillSource<TreeView>({ ...loading, status: "failed", error: opened })];
  }, [client, operationId]);
  const view = useSelected(source, (one) => one, loading);
  return useMemo(
    () => ({
      ...view,
      open: (id: string) => tree?.open(id),
      close: (id: string) => tree?.close(id),
      showAll: (id?: string) => tree?.showAll(id),
    }),
    [tree, view],
  );
}
