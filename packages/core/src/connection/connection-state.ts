import type { CloseCode } from "@milepost/protocol";

/** State of a connection, with the fields that only this state has. */
export type ConnectionState =
  /** No credential was verified yet: only auth, ping and pong messages are accepted. */
  | { readonly name: "awaiting_auth" }
  | {
      readonly name: "open";
      /** Expiry of the credential in milliseconds since 1970; undefined if it never expires. */
      readonly expiresAt: number | undefined;
      /**
       * Time from the announcement of the expiry to the expiry, in whole milliseconds; undefined once announced,
       * or without an expiry.
       */
      readonly noticeMs: number | undefined;
    }
  /** The close was sent; messages that still arrive are ignored. */
  | {
      readonly name: "closing";
      /** Time of the close on the monotonic clock, in milliseconds. */
      readonly closedAt: number;
      /** Close code that was sent. */
      readonly code: CloseCode;
    }
  | { readonly name: "closed" };

/** Event in the life of a connection. */
export type ConnectionEvent =
  /** A credential was verified. */
  | "verified"
  /** This side closes the connection. */
  | "close"
  /** The transport is closed. */
  | "gone";

/** Next state for every state and event; undefined where the event cannot happen or changes nothing. */
export const connectionTransitions = {
  awaiting_auth: { verified: "open", close: "closing", gone: "closed" },
  open: { verified: undefined, close: "closing", gone: "closed" },
  closing: { verified: undefined, close: undefined, gone: "closed" },
  closed: { verified: undefined, close: undefined, gone: undefined },
} as const satisfies Record<
  ConnectionState["name"],
  Record<ConnectionEvent, ConnectionState["name"] | undefined>
>;
