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
      /** Name of the session's channel: `session:` and the encoded id. Undefined without a session. */
      readonly sessionChannel: string | undefined;
      /** Name of the user's channel, `user:` and the encoded id, or of a guest's. Undefined without both. */
      readonly userChannel: string | undefined;
      /** Name of the gateway node that this client is connected to. */
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
      /**
       * Reason of the reconnect: the name of the close code (`lost` for an unknown one), `move`, `token` (no
       * token available) or `no_welcome` (no welcome within 30 seconds).
       */
      readonly reason: string;
      /** Explanation for a person, if there is one: what is wrong with the token, or what the gateway says. */
      readonly message?: string;
    }
  | {
      readonly state: "closed";
      readonly code: number;
      readonly reason: string;
      /**
       * Reaction that the close code asks for. `resume` or `reauthenticate` means that the client did not do
       * so: it gave up after `backoff.attempts` failures, or its token is fixed and was rejected.
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
  /** Starts the next attempt. */
  | "retry"
  /** Marks the client connected. */
  | "establish"
  /** Waits for a random time, then tries again. */
  | "wait"
  /**
   * Waits like `wait` and then connects with another credential. Closes the client if the token is fixed, so
   * that no other one can be fetched.
   */
  | "renew"
  /** Closes the client, because the gateway's close code forbids a reconnect. */
  | "stop"
  /** Closes the client, as the application asked. */
  | "end"
  /** Checks that the other end still answers. */
  | "probe";

/**
 * Action for every connection state and every event. The compiler demands an entry for each pair, and a test
 * visits each pair.
 */
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
