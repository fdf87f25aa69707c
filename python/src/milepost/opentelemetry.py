"""The trace context of OpenTelemetry on the way to the gateway. Needs the extra ``opentelemetry``."""

from __future__ import annotations

from opentelemetry import propagate


def trace_headers() -> dict[str, str]:
    """Returns the headers that carry the current span to the gateway: ``traceparent``, and what else the registered propagator writes.

    For the option ``headers`` of ``Producer``. Creations, reports, questions and publishes carry the span that was
    current where they were made, in threads and in tasks. Of reports that are sent together it is that of the first.
    Empty without a current span.
    """
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers
