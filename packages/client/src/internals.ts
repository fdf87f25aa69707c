import type { MilepostError } from "@milepost/protocol";
import type { Channels } from "./channel/channels.ts";
import type { ConnectionState } from "./connection/connection-state.ts";
import type { RawMessage } from "./transport/server-frame.ts";

/** Who takes everything that concerns a channel in the place of its ordinary subscribers. */
export interface Claimant {
  /** Connected: nothing of before is subscribed any more. */
  onUp(): void;
  onDown(): void;
  onMessage(message: RawMessage): void;
  /** The client is closed for good. */
  onClosed(error: MilepostError): void;
}

/** What the core of a client lends to parts outside it. */
export type Lent = readonly [
  channels: Channels,
  client: { readonly state: ConnectionState; connect(): void },
];

const lent = new WeakMap<object, Lent>();

/** Remembers what a channel's handle was made by. */
export function lend(channel: object, by: Lent): void {
  lent.set(channel, by);
}

/** What was lent with a channel's handle. */
export function lentBy(channel: object): Lent | undefined {
  return lent.get(channel);
}
