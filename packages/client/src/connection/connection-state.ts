import type { CloseVerdict } from "@milepost/protocol";
import type { TransportName } from "../transport/transport.ts";

/** State of the connection, discriminated by `state`. */
export type ConnectionState =
  | { readonly state: "idle" }
  | {
      readonly state: "connecting";
      /** Number of the attempt, counted from 1; above 1 it follows a failed attempt or a lost connection. */
      readonly attempt: number;
    }
  | {
      readonly state: "connected";
      /** Transport that carries the messages. */
      readonly transport: TransportName;
      readonly connectionId: string;
      readonly sessionId: string | null;
      readonly userId: string | null;
      /** Name of the node at the other end. */
      readonly node: string;
      /** True while the gateway reports that its store is unreachable. */
      readonly degraded: boolean;
    }
  | {
      readonly state: "reconnecting";
      /** Number of the attempt that follows the wait. */
      readonly attempt: number;
      /** Time of the next attempt, in milliseconds since 1970. */
      readonly retryAt: number;
      /** Reason why there is no connection: the name of the close code, `move`, `token` or `no_welcome`. */
      readonly reason: string;
    }
  | {
      readonly state: "closed";
      readonly code: number;
      readonly reason: string;
      /**
       * Verdict of the close code. `resume` or `reauthenticate` means that the client could not do that: it
       * gave up, or has no other token.
       */
      readonly verdict: CloseVerdict;
    };

/** The name of a state. */
export type ConnectionStateName = ConnectionState["state"];

/** Event that can happen to a connection. */
export type ConnectionEvent =
  /** The application asks for a connection. */
  | "connect"
  /** The gateway accepted the credential. */
  | "welcome"
  /** The connection attempt failed or the connection is gone; a reconnect may succeed. */
  | "lost"
  /** The gateway requires another credential. */
  | "expired"
  /** The gateway closed the connection with a code that forbids a reconnect. */
  | "refused"
  /** The wait has ended, or the caller asked to retry at once. */
  | "due"
  /** The application closes the client. */
  | "close";

/** Action that an event causes. */
export type ConnectionAction =
  /** Does nothing: the event does not concern this state. */
  | "ignore"
  /** Starts over with attempt 1. */
  | "start"
  /** Starts the attempt that was waited for. */
  | "retry"
  /** Marks the client connected. */
  | "establish"
  /** Waits for a random time, then tries again. */
  | "wait"
  /**
   * Waits like `wait`, then tries again with another credential; closes the client when none can be fetched.
   */
  | "renew"
  /** Closes the client, as the gateway asked. */
  | "stop"
  /** Closes the client, as the application asked. */
  | "end"
  /** Checks that the other end still answers. */
  | "probe";

/** Action for every state and every event. The compiler demands each cell, and a test visits each. */
export const connectionTransitions = {
  idle: {
    connect: "start",
    welcome: "ignore",
    lost: "ignore",
    expired: "ignore",
    refused: "ignore",
    due: "ignore",
    close: "end",
  },
  connecting: {
    connect: "ignore",
    welcome: "establish",
    lost: "wait",
    expired: "renew",
    refused: "stop",
    due: "ignore",
    close: "end",
  },
  connected: {
    connect: "ignore",
    welcome: "ignore",
    lost: "wait",
    expired: "renew",
    refused: "stop",
    due: "probe",
    close: "end",
  },
  reconnecting: {
    connect: "retry",
    welcome: "ignore",
    lost: "ignore",
    expired: "ignore",
    refused: "ignore",
    due: "retry",
    close: "end",
  },
  closed: {
    connect: "start",
    welcome: "ignore",
    lost: "ignore",
    expired: "ignore",
    refused: "ignore",
    due: "ignore",
    close: "ignore",
  },
} as const satisfies Record<ConnectionStateName, Record<ConnectionEvent, ConnectionAction>>;
