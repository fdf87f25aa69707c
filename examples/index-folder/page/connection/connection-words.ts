import type { ConnectionState } from "@milepost/client";
import type { Tone } from "../run/status-words.ts";

/** Label and colour of the connection indicator. */
export interface ConnectionWords {
  readonly label: string;
  readonly tone: Tone;
}

/** Returns the whole seconds until the next attempt to connect; 0 when it is due. */
export function secondsUntil(retryAt: number, now: number): number {
  return Math.max(0, Math.ceil((retryAt - now) / 1000));
}

/** Returns the label and colour for a connection state; `now` is needed for the countdown. */
export function connectionWords(connection: ConnectionState, now: number): ConnectionWords {
  switch (connection.state) {
    case "idle":
      return { label: "Not connected", tone: "wait" };
    case "connecting":
      return connection.attempt > 1
        ? { label: "Reconnecting…", tone: "halt" }
        : { label: "Connecting…", tone: "wait" };
    case "connected":
      return connection.degraded
        ? { label: "Connected, limited", tone: "halt" }
        : { label: "Connected", tone: "go" };
    case "reconnecting": {
      const seconds = secondsUntil(connection.retryAt, now);
      return { label: seconds > 0 ? `Retry in ${seconds} s` : "Reconnecting…", tone: "halt" };
    }
    case "closed":
      return { label: "Disconnected", tone: "stop" };
  }
}

/**
 * Returns true after the connection was lost and before it is restored; what the page shows may then be out of
 * date.
 */
export function isInterrupted(connection: ConnectionState): boolean {
  return (
    connection.state === "reconnecting" ||
    connection.state === "closed" ||
    (connection.state === "connecting" && connection.attempt > 1)
  );
}

/**
 * Returns the text that screen readers announce when it changes: connection lost and restored, but not every
 * attempt.
 */
export function connectionAnnouncement(connection: ConnectionState): string {
  if (connection.state === "connected") return "Connected.";
  return isInterrupted(connection) ? "Connection interrupted." : "";
}
