"use client";
import { useMemo, useRef } from "react";
import { ChannelStore } from "./channel-store.ts";
import type { ChannelView, UseChannelOptions } from "./channel-view.ts";
import { useClient } from "./provider.tsx";
import { useSelected } from "./use-selected.ts";

/**
 * Subscribes to a channel while the component is mounted, and returns a view of the channel. Without a name it
 * does nothing.
 *
 * The options `since`, `events`, `summaryMs` and `limit` are compared by value, so each render may pass new
 * literals. The `reduce` of the latest render is used.
 */
export function useChannel<Events = Record<string, unknown>, State = undefined>(
  name: string | undefined,
  options: UseChannelOptions<Events, State> = {},
): ChannelView<Events, State> {
  const client = useClient();
  const latest = useRef(options);
  latest.current = options;
  const key = JSON.stringify([options.since, options.events, options.summaryMs, options.limit]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the options that matter
  const store = useMemo(
    () => new ChannelStore<Events, State>(client, name, latest),
    [client, name, key],
  );
  return useSelected(store, (view) => view, store.initial);
}
