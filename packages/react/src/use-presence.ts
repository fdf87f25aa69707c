"use client";
import type { Client } from "@milepost/client";
import { channelPresence, type PresenceView } from "@milepost/client/presence";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { type Source, useSelected } from "./use-selected.ts";

const nobody: PresenceView = {
  status: "loading",
  members: [],
  count: 0,
  typing: [],
  error: undefined,
};

const nowhere: Source<PresenceView> = { subscribe: () => () => {}, getSnapshot: () => nobody };

/**
 * Returns who is present in a channel, or the part that `select` picks: `usePresence("chat:42", ({ count }) =>
 * count)`.
 *
 * The view is live while the component is mounted, and the user is present there too. Does nothing without a
 * name.
 */
export function usePresence(channel: string | undefined): PresenceView;
export function usePresence<Part>(
  channel: string | undefined,
  select: (presence: PresenceView) => Part,
): Part;
export function usePresence<Part>(
  channel: string | undefined,
  select: (presence: PresenceView) => Part | PresenceView = (presence) => presence,
): Part | PresenceView {
  const client = useClient();
  const source = useMemo(() => presenceOf(client, channel) ?? nowhere, [client, channel]);
  return useSelected(source, select, nobody);
}

/** Returns the presence of a channel, or undefined without a name. */
export function presenceOf(client: Client, channel: string | undefined) {
  return channel === undefined ? undefined : channelPresence(client, channel);
}
