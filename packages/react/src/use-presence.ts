"use client";
import type { Client } from "@milepost/client";
import {
  type ChannelPresence,
  channelPresence,
  type PresenceView,
} from "@milepost/client/presence";
import { MilepostError } from "@milepost/protocol";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { openOrError, stillSource } from "./still-source.ts";
import { useSelected } from "./use-selected.ts";

const nobody: PresenceView = {
  status: "loading",
  members: [],
  count: 0,
  typing: [],
  error: undefined,
};

const nowhere = stillSource(nobody);

/**
 * Returns who is present in a channel, or the part that `select` picks: `usePresence("chat:42", ({ count }) =>
 * count)`.
 *
 * The view is live while the component is mounted, and the user is present there too. Does nothing without a
 * name (`undefined` or `null`). With an invalid name the view has the status `failed` and the error.
 */
export function usePresence(channel: string | null | undefined): PresenceView;
export function usePresence<Part>(
  channel: string | null | undefined,
  select: (presence: PresenceView) => Part,
): Part;
export function usePresence<Part>(
  channel: string | null | undefined,
  select: (presence: PresenceView) => Part | PresenceView = (presence) => presence,
): Part | PresenceView {
  const client = useClient();
  const [source, initial] = useMemo(() => {
    const presence = presenceOf(client, channel);
    if (!(presence instanceof MilepostError)) return [presence ?? nowhere, nobody];
    const failed: PresenceView = { ...nobody, status: "failed", error: presence };
    return [stillSource(failed), failed];
  }, [client, channel]);
  return useSelected(source, select, initial);
}

/** Returns the presence of a channel: undefined without a name, the error for an invalid one. */
export function presenceOf(
  client: Client,
  channel: string | null | undefined,
): ChannelPresence | MilepostError | undefined {
  if (channel === undefined || channel === null) return undefined;
  return openOrError(() => channelPresence(client, channel));
}
