/** Where a connection is in its life. */
export type ConnectionState =
  /** Nothing is verified: it may authenticate, and nothing else. */
  | "awaiting_auth"
  | "open"
  /** The close is sent; what still comes in is not looked at. */
  | "closing"
  | "closed";

/** What can happen to it. */
export type ConnectionEvent =
  /** A credential was verified. */
  | "verified"
  /** This side ends it. */
  | "close"
  /** The transport is closed. */
  | "gone";

/** Every state against every event; undefined: it cannot happen, or changes nothing. */
export const connectionTransitions = {
  awaiting_auth: { verified: "open", close: "closing", gone: "closed" },
  open: { verified: undefined, close: "closing", gone: "closed" },
  closing: { verified: undefined, close: undefined, gone: "closed" },
  closed: { verified: undefined, close: undefined, gone: undefined },
} as const satisfies Record<ConnectionState, Record<ConnectionEvent, ConnectionState | undefined>>;
