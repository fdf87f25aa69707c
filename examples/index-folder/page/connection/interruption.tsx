import type { ConnectionState } from "@milepost/client";
import { timeOfDay } from "../words/duration.ts";
import { isInterrupted, secondsUntil } from "./connection-words.ts";

interface Props {
  readonly connection: ConnectionState;
  readonly now: number;
  /** Time of the last message, in milliseconds since 1970. */
  readonly asOf: number | undefined;
  /** True when the run that the page shows has ended, so that nothing of it can change. */
  readonly settled: boolean;
  onRetry(): void;
}

function nextTry(connection: ConnectionState, now: number): string {
  if (connection.state === "closed") return `The service said: ${connection.reason}.`;
  if (connection.state !== "reconnecting") return "Trying now…";
  const seconds = secondsUntil(connection.retryAt, now);
  return seconds > 0 ? `Next try in ${seconds} s.` : "Trying now…";
}

function seen(asOf: number | undefined, settled: boolean): string {
  if (settled) return "This run has ended, so you see all of it.";
  if (asOf === undefined) return "What you see may be out of date.";
  return `You see the state of ${timeOfDay(asOf)}; the work may have continued since then.`;
}

/**
 * Bar that says that the page may be out of date, since when, and when the next attempt to connect is. It lies
 * over the foot of the page, so that nothing moves when it appears or disappears.
 */
export function Interruption({ connection, now, asOf, settled, onRetry }: Props) {
  if (!isInterrupted(connection)) return null;
  const closed = connection.state === "closed";
  return (
    <section
      className="interruption"
      aria-label="Connection interrupted"
      data-tone={closed ? "stop" : "halt"}
    >
      <p>
        <strong>{closed ? "Disconnected." : "Connection interrupted."}</strong>{" "}
        {seen(asOf, settled)} {nextTry(connection, now)}
      </p>
      <button type="button" className="button button--small" onClick={onRetry}>
        Retry now
      </button>
    </section>
  );
}
