"use client";
import { type QueueView, queueTicket } from "@milepost/client/queue";
import type { QueueTicket } from "@milepost/model";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { stillSource } from "./still-source.ts";
import { useSelected } from "./use-selected.ts";

const nothing: QueueView = { status: "loading", ticket: undefined, error: undefined };
const nowhere = stillSource(nothing);

/** Place of the person in a queue, and functions to join and leave it. */
export interface UsedQueue extends QueueView {
  /** Joins the queue, or returns the ticket that the person has in it. Rejects with the gateway's error. */
  join(): Promise<QueueTicket>;
  /** Leaves the queue; does nothing without a waiting ticket. */
  leave(): Promise<void>;
}

/**
 * Returns the person's place in a queue, live while the component is mounted. A page that is loaded again finds the ticket that
 * the person has. Does nothing without a name (`undefined` or `null`).
 */
export function useQueue(queue: string | null | undefined): UsedQueue {
  const client = useClient();
  const place = useMemo(
    () => (queue === undefined || queue === null ? undefined : queueTicket(client, queue)),
    [client, queue],
  );
  const view = useSelected(place ?? nowhere, (one) => one, nothing);
  return useMemo(
    () => ({
      ...view,
      join: async () => {
        if (place === undefined) throw new TypeError("useQueue has no queue to join");
        return place.join();
      },
      leave: async () => place?.leave(),
    }),
    [view, place],
  );
}
