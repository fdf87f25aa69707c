"use client";
import { type InboxHandle, type InboxView, openInbox } from "@milepost/client/inbox";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { useSelected } from "./use-selected.ts";

const loading: InboxView = {
  status: "loading",
  items: [],
  snoozed: [],
  counts: { total: 0, unread: 0, open: 0, snoozed: 0 },
  hasMore: false,
  error: undefined,
};

/** Functions that change the inbox. Each rejects with the gateway's error. */
export type InboxActions = Pick<InboxHandle, "read" | "snooze" | "loadMore">;

/** The person's inbox, or the selected part of it, and functions that change it. */
export interface UsedInbox<Part> extends InboxActions {
  readonly inbox: Part;
}

/**
 * Returns the inbox of the person, live while the component is mounted: what is read, put aside or answered in one tab
 * or on one device changes in all of them.
 *
 * With `select` the component renders again only when the selected part changes:
 * `useInbox(({ counts }) => counts.unread)` for a badge.
 */
export function useInbox(): UsedInbox<InboxView>;
export function useInbox<Part>(select: (view: InboxView) => Part): UsedInbox<Part>;
export function useInbox<Part>(
  select: (view: InboxView) => Part | InboxView = (view) => view,
): UsedInbox<Part | InboxView> {
  const client = useClient();
  const handle = useMemo(() => openInbox(client), [client]);
  const inbox = useSelected(handle, select, loading);
  return useMemo(
    () => ({
      inbox,
      read: (items) => handle.read(items),
      snooze: (items, time) => handle.snooze(items, time),
      loadMore: () => handle.loadMore(),
    }),
    [handle, inbox],
  );
}
