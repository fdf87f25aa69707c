"use client";
import { useEffect, useMemo, useRef } from "react";
import { ChannelStore } from "./channel-store.ts";
import type { ChannelView, UseChannelOptions } from "./channel-view.ts";
import { useClient } from "./provider.tsx";
import { useSelected } from "./use-selected.ts";

/**
 * Subscribes to a channel while the component is mounted, and returns a view of the channel. Without a name
 * (`undefined` or `null`) it does nothing. With an invalid name the view has the status `failed` and the error.
 *
 * The options are compared by value, so each render may pass new literals. Another name, `since` or `events`
 * begins a new view. Another `limit`, `summaryMs` or `reduce` keeps what the view holds: the limit and the
 * function of the latest render are used, and the subscription continues with the new period.
 */
export function useChannel<Events = Record<string, unknown>, State = undefined>(
  name: string | null | undefined,
  options: UseChannelOptions<Events, State> = {},
): ChannelView<Events, State> {
  const client = useClient();
  const latest = useRef(options);
  latest.current = options;
  const key = JSON.stringify([options.since, options.events]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the options that matter
  const store = useMemo(
    () => new ChannelStore<Events, State>(client, name, latest),
    [client, name, key],
  );
  const { summaryMs } = options;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the store reads the period of the latest render
  useEffect(() => store.renew(), [store, summaryMs]);
  return useSelected(store, (view) => view, store.initial);
}
