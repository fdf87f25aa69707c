import type { Span, SpanAttributes, SpanName, SpanStart, Tracer } from "@milepost/core";
import { isSampled, readTraceparent, spanIdOf, traceIdOf } from "@milepost/protocol";
import {
  type Context,
  type Span as RecordedSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { version } from "./metrics/package-version.ts";

const kinds: Readonly<Record<SpanName, SpanKind>> = {
  "milepost.publish": SpanKind.PRODUCER,
  "milepost.append": SpanKind.INTERNAL,
  "milepost.deliver": SpanKind.CONSUMER,
  "milepost.command": SpanKind.PRODUCER,
  "milepost.question": SpanKind.INTERNAL,
};

/**
 * Returns a tracer that records the gateway's spans with OpenTelemetry: with the tracer provider that is registered when
 * the first span begins. Without a registered provider nothing is recorded, and trace contexts are passed on as they come.
 *
 * Which traces are recorded is the decision of the provider's sampler. `@opentelemetry/api` is an optional peer.
 */
export function openTelemetryTracer(): Tracer {
  const tracer = trace.getTracer("milepost", version());
  return {
    start(name, { attributes, parent, links = [], startedAt }: SpanStart): Span {
      const recorded = tracer.startSpan(
        name,
        {
          kind: kinds[name],
          attributes: { ...attributes },
          links: links.flatMap((link) => {
            const context = contextOf(link);
            return context === undefined ? [] : [{ context }];
          }),
          ...(startedAt === undefined ? {} : { startTime: startedAt }),
        },
        below(parent),
      );
      return new OpenTelemetrySpan(recorded);
    },
  };
}

class OpenTelemetrySpan implements Span {
  readonly #span: RecordedSpan;
  readonly traceparent: string | undefined;

  constructor(span: RecordedSpan) {
    this.#span = span;
    this.traceparent = traceparentOf(span.spanContext());
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes({ ...attributes });
  }

  end(error?: string): void {
    if (error !== undefined) {
      this.#span.setAttribute("error.type", error);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    }
    this.#span.end();
  }
}

function below(parent: string | undefined): Context {
  const context = contextOf(parent);
  return context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

function contextOf(text: string | undefined): SpanContext | undefined {
  const traceparent = readTraceparent(text);
  if (traceparent === undefined) return undefined;
  return {
    traceId: traceIdOf(traceparent),
    spanId: spanIdOf(traceparent),
    traceFlags: isSampled(traceparent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string | undefined {
  const isRecorded = (traceFlags & TraceFlags.SAMPLED) === TraceFlags.SAMPLED;
  return isRecorded ? `00-${traceId}-${spanId}-01` : undefined;
}
