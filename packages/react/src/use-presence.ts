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
 * Who is in a channel, live while the component is mounted, which makes the user present there too; or the part of it that
 * `select` picks: `usePresence("chat:42", ({ count }) => count)`. Without a name it does nothing.
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

/** The presence of a channel; undefined without a name. */
export function presenceOf(client: Client, channel: string | undefined) {
  return channel === undefined ? undefined : channelPresence(client, channel);
}
