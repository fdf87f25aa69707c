"use client";
import { type DigestHandle, type DigestView, openDigest } from "@milepost/client/digest";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { useSelected } from "./use-selected.ts";

const loading: DigestView = { status: "loading", digest: undefined, error: undefined };

/** The digest, and functions that say what the person has seen. Each rejects with the gateway's error. */
export interface UsedDigest
  extends DigestView,
    Pick<DigestHandle, "seen" | "seenOperation" | "refresh"> {}

/**
 * Returns what has happened while the person was away. Until `seen` is called, the digest stays; from then on, what
 * happens while the page is visible and the component is mounted counts as seen.
 */
export function useDigest(): UsedDigest {
  const client = useClient();
  const handle = useMemo(() => openDigest(client), [client]);
  const view = useSelected(handle, (one) => one, loading);
  return useMemo(
    () => ({
      ...view,
      seen: () => handle.seen(),
      seenOperation: (id) => handle.seenOperation(id),
      refresh: () => handle.refresh(),
    }),
    [handle, view],
  );
}
