import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import { LiveQueue } from "./live-queue.ts";
import type { QueueTicketView } from "./queue-place.ts";

export type { QueueTicketView, QueueView } from "./queue-place.ts";

const queues = new WeakMap<object, Map<string, WeakRef<LiveQueue>>>();

/** Returns the place of the client's person in a queue. Calls with the same client and queue return the same object. */
export function queueTicket<C extends Contract = AnyContract>(
  client: Client<C>,
  queue: string,
): QueueTicketView {
  const ofClient = queues.get(client) ?? new Map<string, WeakRef<LiveQueue>>();
  queues.set(client, ofClient);
  const known = ofClient.get(queue)?.deref();
  if (known !== undefined) return known;
  for (const [name, one] of ofClient) if (one.deref() === undefined) ofClient.delete(name);
  // Internally methods are names; the caller's contract provides their types.
  const live = new LiveQueue(client as unknown as Client, queue);
  ofClient.set(queue, new WeakRef(live));
  return live;
}
