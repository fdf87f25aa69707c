import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import type { InboxHandle } from "./inbox-view.ts";
import { LiveInbox } from "./live-inbox.ts";

export type { InboxHandle, InboxView, SnoozeTime } from "./inbox-view.ts";

const inboxes = new WeakMap<object, LiveInbox>();

/** Returns the inbox of the client's user. Calls with the same client return the same object. */
export function openInbox<C extends Contract = AnyContract>(client: Client<C>): InboxHandle {
  const known = inboxes.get(client);
  if (known !== undefined) return known;
  // Internally methods are names; the caller's contract provides their types.
  const live = new LiveInbox(client as unknown as Client);
  inboxes.set(client, live);
  return live;
}
