import type { ConnectionMetrics, ConnectionState } from "@milepost/client";
import { bytes, count, measured } from "../words/count.ts";
import { timeOfDay } from "../words/duration.ts";

interface Props {
  readonly connection: ConnectionState;
  readonly metrics: ConnectionMetrics;
}

const qualityWords = { good: "good", fair: "fair", poor: "poor", none: "–" } as const;

/** Details of the connection, such as its quality, round trip and number of reconnects. */
export function ConnectionDetails({ connection, metrics }: Props) {
  const rows: readonly (readonly [name: string, value: string])[] = [
    ["Quality", qualityWords[metrics.quality]],
    [
      "Round trip",
      metrics.rttMs === undefined
        ? "–"
        : `${metrics.rttMs < 10 ? measured(metrics.rttMs) : count(metrics.rttMs)} ms`,
    ],
    ["Messages", `${count(metrics.messagesIn)} (${measured(metrics.messagesPerSecond)}/s)`],
    ["Received", bytes(metrics.bytesIn)],
    ["Last message", metrics.lastMessageAt === undefined ? "–" : timeOfDay(metrics.lastMessageAt)],
    ["Connects", count(metrics.connects)],
    ["Reconnects", count(metrics.reconnects)],
    ...(connection.state === "connected"
      ? ([
          ["Node", connection.node],
          ["Connection", connection.connectionId],
        ] as const)
      : []),
  ];
  return (
    <details className="panel details">
      <summary>Connection details</summary>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
