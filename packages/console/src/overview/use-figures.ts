import { useEffect, useRef, useState } from "react";
import { bytesText, numberText } from "../parts/words.ts";
import { usePolled } from "../session/use-polled.ts";
import { type Metrics, readMetrics } from "./read-metrics.ts";

/** Health of the node that answers. */
export interface Health {
  readonly status: string;
  readonly connections: { readonly total: number; readonly local: number; readonly dead: number };
  readonly store: { readonly kind: string; readonly durable: boolean };
  readonly spooled: number;
}

/** Figure with its course. */
export interface Figure {
  readonly name: string;
  readonly text: string;
  readonly values: readonly number[];
}

const healthMs = 2_000;
const metricsMs = 5_000;
/** Number of values that a sparkline shows. */
const kept = 60;

interface Row {
  readonly name: string;
  /** Metric that grows; the figure is its growth per second. */
  readonly rate?: string;
  readonly gauge?: (metrics: Metrics) => number | undefined;
  readonly text: (value: number) => string;
}

const perSecond = (value: number) => `${numberText(value)}/s`;

const rows: readonly Row[] = [
  { name: "Messages to clients", rate: "milepost_messages_sent_total", text: perSecond },
  { name: "Publications", rate: "milepost_publications_accepted_total", text: perSecond },
  {
    name: "Bytes to clients",
    rate: "milepost_sent_bytes_total",
    text: (value) => `${bytesText(value)}/s`,
  },
  { name: "Publishes refused", rate: "milepost_publications_refused_total", text: perSecond },
  { name: "Rate limits reached", rate: "milepost_rate_limits_total", text: perSecond },
  {
    name: "Event loop delay, p99",
    gauge: (metrics) => metrics.max("milepost_event_loop_delay_milliseconds", { quantile: "0.99" }),
    text: (value) => `${numberText(value)} ms`,
  },
  {
    name: "Memory of the process",
    gauge: (metrics) => metrics.sum("milepost_process_memory_bytes", { area: "resident" }),
    text: bytesText,
  },
  {
    name: "Send queues",
    gauge: (metrics) => metrics.sum("milepost_send_queue_bytes"),
    text: bytesText,
  },
  {
    name: "Dead letters written",
    gauge: (metrics) => metrics.sum("milepost_dead_letters_written_total"),
    text: numberText,
  },
];

/** Returns the live figures of the node that answers; those of the metrics need a key with the scope `metrics`. */
export function useFigures() {
  const health = usePolled<Health>("ws/health", healthMs);
  const scraped = usePolled<string>("metrics", metricsMs);
  const [figures, setFigures] = useState<readonly Figure[]>([]);
  const [connections, setConnections] = useState<readonly number[]>([]);
  const before = useRef<{ at: number; metrics: Metrics } | undefined>(undefined);

  const total = health.value?.connections.total;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer is a point, also one with the same number
  useEffect(() => {
    if (total !== undefined) setConnections((all) => [...all, total].slice(-kept));
  }, [health.value]);
  useEffect(() => {
    if (scraped.value === undefined) return;
    const metrics = readMetrics(scraped.value);
    const at = performance.now();
    const last = before.current;
    before.current = { at, metrics };
    setFigures((all) =>
      rows.flatMap((row) => {
        const value = figureOf(row, metrics, at, last);
        if (value === undefined) return [];
        const values = all.find(({ name }) => name === row.name)?.values ?? [];
        return { name: row.name, text: row.text(value), values: [...values, value].slice(-kept) };
      }),
    );
  }, [scraped.value]);

  return { health, connections, figures, metricsError: scraped.error };
}

function figureOf(
  { rate, gauge }: Row,
  metrics: Metrics,
  at: number,
  last: { readonly at: number; readonly metrics: Metrics } | undefined,
): number | undefined {
  if (rate === undefined) return gauge?.(metrics);
  const now = metrics.sum(rate) ?? 0;
  if (last === undefined || at <= last.at) return 0;
  const then = last.metrics.sum(rate) ?? 0;
  // A counter that fell belongs to a process that was restarted, or to another node.
  return Math.max(0, ((now - then) * 1_000) / (at - last.at));
}
