import type { MilepostError } from "@milepost/protocol";
import type { Channels } from "./channel/channels.ts";
import type { ConnectionState } from "./connection/connection-state.ts";
import type { RawMessage } from "./transport/server-frame.ts";

/** Receiver of all messages of a channel that a part outside the core has claimed. */
export interface Claimant {
  /** Called when the client has connected; no earlier subscription exists any more. */
  onUp(): void;
  onDown(): void;
  onMessage(message: RawMessage): void;
  /** Called when the client is closed. */
  onClosed(error: MilepostError): void;
}

/** Internals of a client that parts outside its core may use. */
export type Lent = readonly [
  channels: Channels,
  client: { readonly state: ConnectionState; connect(): void },
];

const lent = new WeakMap<object, Lent>();

/** Records the internals of the client that created a channel handle. */
export function lend(channel: object, by: Lent): void {
  lent.set(channel, by);
}

/** Returns the internals of the client that created a channel handle; undefined for any other object. */
export function lentBy(channel: object): Lent | undefined {
  return lent.get(channel);
}
