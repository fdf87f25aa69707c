import type { CloseVerdict } from "@milepost/protocol";
import type { TransportName } from "../transport/transport.ts";

/** Where the connection is; `state` discriminates. */
export type ConnectionState =
  | { readonly state: "idle" }
  | {
      readonly state: "connecting" /** Counts from 1; above 1 it is a reconnect. */;
      readonly attempt: number;
    }
  | {
      readonly state: "connected";
      /** How messages travel. */
      readonly transport: TransportName;
      readonly connectionId: string;
      readonly sessionId: string | null;
      readonly userId: string | null;
      /** The name of the node at the other end. */
      readonly node: string;
      /** Whether the service said that its store is out of reach. */
      readonly degraded: boolean;
    }
  | {
      readonly state: "reconnecting";
      /** The attempt that follows the wait. */
      readonly attempt: number;
      /** When it follows, in milliseconds since 1970. */
      readonly retryAt: number;
      /** Why there is no connection: the name of the close code, `token` or `no_welcome`. */
      readonly reason: string;
    }
  | {
      readonly state: "closed";
      readonly code: number;
      readonly reason: string;
      /** What the close asked for; anything but `stop` means that it could not be done. */
      readonly verdict: CloseVerdict;
    };

/** The name of a state. */
export type ConnectionStateName = ConnectionState["state"];

/** What can happen to a connection. */
export type ConnectionEvent =
  /** The application wants a connection. */
  | "connect"
  /** The service accepted the credential. */
  | "welcome"
  /** The socket is gone and may come back. */
  | "lost"
  /** The service wants another credential. */
  | "expired"
  /** The service does not want this client back. */
  | "refused"
  /** The wait is over, or somebody asks not to wait for its end. */
  | "due"
  /** The application is done. */
  | "close";

/** What is done about it. */
export type ConnectionAction =
  /** Nothing: it does not concern this state. */
  | "ignore"
  /** Begin anew with attempt 1. */
  | "start"
  /** Open a socket for the attempt that was waited for. */
  | "retry"
  /** The connection stands. */
  | "establish"
  /** Wait a random while, then try again. */
  | "wait"
  /** The same with a new credential. */
  | "renew"
  /** Stay away, as the service asked. */
  | "stop"
  /** Close for good, as the application asked. */
  | "end"
  /** Make sure that the other end still answers. */
  | "probe";

/** Every state, every event. The compiler demands each cell; a test visits each. */
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
