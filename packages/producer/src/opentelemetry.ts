import { context, propagation } from "@opentelemetry/api";

/**
 * Returns the headers that carry the caller's active span to the gateway: `traceparent`, and what else the registered
 * propagator writes. For the option `headers` of `httpGateway`. Empty without an OpenTelemetry SDK.
 *
 * Creations, reports and publishes carry the span that was active where they were made, if the SDK has a context manager
 * that follows asynchronous calls, as that of Node has. Of reports that are sent together it is that of the first.
 */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}
