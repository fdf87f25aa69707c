import type { RegistryContentType } from "prom-client";
import type { MetricValues } from "./metric-store.ts";

/** Metrics as text, with the media type that a scraper is answered with. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** Metrics of one process of a gateway. */
export interface ProcessMetrics {
  /** Number of the worker, from 1; undefined for a gateway that is a single process. */
  readonly worker?: number;
  readonly metrics: readonly MetricValues[];
}

/**
 * Formats metrics for a scraper: as OpenMetrics 1.0 if its `Accept` prefers that, otherwise in the text format of
 * Prometheus 0.0.4. With workers, every sample has the label `worker`.
 *
 * `prom-client` is loaded by the first call.
 */
export async function expose(
  processes: readonly ProcessMetrics[],
  accept: string | undefined,
): Promise<Exposition> {
  // The module is CommonJS; only its default export has everything on every version of Node.
  const { Registry } = (await import("prom-client")).default;
  const isOpenMetrics = prefersOpenMetrics(accept);
  const registry = new Registry<RegistryContentType>();
  if (isOpenMetrics) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const values of merged(processes)) {
    // A registry renames counters for OpenMetrics, and adds `_total` to their samples.
    const metric = { ...values, get: () => ({ ...values, name: metric.name }) };
    registry.registerMetric(metric as unknown as Parameters<typeof registry.registerMetric>[0]);
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/** Unites the metrics of all processes by their names. */
function merged(processes: readonly ProcessMetrics[]): MetricValues[] {
  const byName = new Map<string, MetricValues>();
  for (const { worker, metrics } of processes) {
    for (const metric of metrics) {
      const values =
        worker === undefined
          ? metric.values
          : metric.values.map((sample) => ({ ...sample, labels: { worker, ...sample.labels } }));
      const known = byName.get(metric.name);
      byName.set(metric.name, {
        ...metric,
        values: known === undefined ? values : [...known.values, ...values],
      });
    }
  }
  return [...byName.values()];
}

/** True if the scraper gives OpenMetrics 1.0 a quality that is at least that of plain text. */
function prefersOpenMetrics(accept = ""): boolean {
  let openMetrics = 0;
  let text = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === "application/openmetrics-text") {
      const version = parameters.find((part) => part.startsWith("version="));
      const isKnown = version === undefined || version === "version=1.0.0";
      if (isKnown) openMetrics = Math.max(openMetrics, quality);
    } else if (type === "text/plain") text = Math.max(text, quality);
  }
  return openMetrics > 0 && openMetrics >= text;
}

function qualityOf(parameters: readonly string[]): number {
  const text = parameters.find((part) => part.startsWith("q="))?.slice(2);
  const quality = text === undefined ? 1 : Number(text);
  return Number.isFinite(quality) ? quality : 0;
}
