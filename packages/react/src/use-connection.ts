"use client";
import type { Client, ConnectionMetrics, ConnectionState } from "@milepost/client";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { type Source, useSelected } from "./use-selected.ts";

/** Connection as a component sees it. */
export interface ConnectionView {
  readonly state: ConnectionState;
  readonly metrics: ConnectionMetrics;
}

const beforeConnect: ConnectionView = {
  state: { state: "idle" },
  metrics: {
    transport: undefined,
    connects: 0,
    reconnects: 0,
    messagesIn: 0,
    bytesIn: 0,
    messagesPerSecond: 0,
    rttMs: undefined,
    quality: "none",
    lastMessageAt: undefined,
  },
};

/**
 * Returns the connection's state and metrics, or the part of them that `select` picks.
 *
 * The metrics change about once a second. A component that shows only the state selects it:
 * `useConnection((connection) => connection.state)`.
 */
export function useConnection(): ConnectionView;
export function useConnection<Part>(select: (connection: ConnectionView) => Part): Part;
export function useConnection<Part>(
  select: (connection: ConnectionView) => Part | ConnectionView = (connection) => connection,
): Part | ConnectionView {
  const client = useClient();
  const source = useMemo(() => connectionSource(client), [client]);
  return useSelected(source, select, beforeConnect);
}

function connectionSource(client: Client): Source<ConnectionView> {
  let view: ConnectionView = { state: client.state, metrics: client.metrics() };
  return {
    subscribe(listener) {
      const stop = [client.onState(listener), client.onMetrics(listener)];
      return () => {
        for (const end of stop) end();
      };
    },
    getSnapshot() {
      const state = client.state;
      const metrics = client.metrics();
      if (view.state !== state || view.metrics !== metrics) view = { state, metrics };
      return view;
    },
  };
}
