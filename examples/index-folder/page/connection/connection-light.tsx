import "./connection.css";
import type { ConnectionState, ConnectionStateName } from "@milepost/client";
import { connectionWords } from "./connection-words.ts";

const ring = <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="2.5" />;

const lamps = {
  idle: ring,
  connecting: ring,
  connected: <circle cx="6" cy="6" r="5.5" fill="currentColor" />,
  reconnecting: ring,
  closed: <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" strokeWidth="2.5" />,
} as const satisfies Record<ConnectionStateName, React.ReactNode>;

interface Props {
  readonly connection: ConnectionState;
  readonly now: number;
}

/**
 * Indicator of the connection's state: a light and words. The shape of the light differs by state too, not only
 * its colour.
 */
export function ConnectionLight({ connection, now }: Props) {
  const { label, tone } = connectionWords(connection, now);
  return (
    <p className="light" data-connection={connection.state} data-tone={tone}>
      <svg className="light__lamp" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        {lamps[connection.state]}
      </svg>
      <span className="unseen">Connection: </span>
      <span className="light__label">{label}</span>
    </p>
  );
}
