import type { ConnectionState } from "@milepost/client";
import type { Tone } from "../run/status-words.ts";

/** What the indicator says and how it is coloured. */
export interface ConnectionWords {
  readonly label: string;
  readonly tone: Tone;
}

/** Whole seconds until the next try; 0 when it is due. */
export function secondsUntil(retryAt: number, now: number): number {
  return Math.max(0, Math.ceil((retryAt - now) / 1000));
}

/** Says how the connection stands; `now` makes the countdown. */
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

/** Whether there was a connection and there is none now: what is shown may be out of date. */
export function isInterrupted(connection: ConnectionState): boolean {
  return (
    connection.state === "reconnecting" ||
    connection.state === "closed" ||
    (connection.state === "connecting" && connection.attempt > 1)
  );
}

/** What is read out when it changes: lost and regained, not every try. */
export function connectionAnnouncement(connection: ConnectionState): string {
  if (connection.state === "connected") return "Connected.";
  return isInterrupted(connection) ? "Connection interrupted." : "";
}
