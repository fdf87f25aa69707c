"use client";
import type { OperationListView } from "@milepost/client";
import { taggedOperations } from "@milepost/client/tags";
import { MilepostError } from "@milepost/protocol";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { openOrError, stillSource } from "./still-source.ts";
import { type Source, useSelected } from "./use-selected.ts";

const loading: OperationListView = { kind: "loading" };
const nowhere = stillSource(loading);

/**
 * Returns the operations with a tag of this user, or of the `user` of that id, newest first and live. Does nothing without a
 * tag (`undefined` or `null`). Never throws for an invalid tag: the view has the `error`.
 */
export function useTaggedOperations(
  tag: string | null | undefined,
  { user }: { readonly user?: string } = {},
): OperationListView {
  const client = useClient();
  const source = useMemo((): Source<OperationListView> => {
    if (tag === undefined || tag === null) return nowhere;
    const options = user === undefined ? { tag } : { tag, user };
    const opened = openOrError(() => taggedOperations(client, options));
    if (!(opened instanceof MilepostError)) return opened;
    return stillSource<OperationListView>({ kind: "error", error: opened });
  }, [client, tag, user]);
  return useSelected(source, (view) => view, loading);
}
