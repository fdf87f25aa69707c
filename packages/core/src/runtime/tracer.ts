import { spanIdOf, traceIdOf } from "@milepost/protocol";

/** Names of the spans of a node. They are stable: searches and dashboards use them. */
export const spanNames = {
  publish: "milepost.publish",
  append: "milepost.append",
  deliver: "milepost.deliver",
  command: "milepost.command",
  question: "milepost.question",
} as const;

/** Name of a span of a node. */
export type SpanName = (typeof spanNames)[keyof typeof spanNames];

/** Attributes of a span. Unlike the labels of metrics they may name channels, users and ids. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Beginning of a span. */
export interface SpanStart {
  readonly attributes: SpanAttributes;
  /** W3C trace context of the span above; absent for the first span of a trace. A malformed one counts as absent. */
  readonly parent?: string | undefined;
  /** W3C trace contexts of other spans that this one is about. */
  readonly links?: readonly string[];
  /** Beginning in milliseconds since 1970; default now. */
  readonly startedAt?: number;
}

/** A span that has begun. */
export interface Span {
  /** W3C trace context for the spans below and for entries; undefined if the trace is not recorded. */
  readonly traceparent: string | undefined;
  set(attributes: SpanAttributes): void;
  /** Ends the span: well, or with the code of the error that ended it. Later calls do nothing. */
  end(error?: string): void;
}

/**
 * Port to a tracing library. A node without a tracer does nothing for traces: it reads no trace context and stores none.
 *
 * A tracer never throws and never waits. Whether a trace is recorded is its decision.
 */
export interface Tracer {
  start(name: SpanName, start: SpanStart): Span;
}

/** Runs work within a span, which ends with it. The span gets the code of the error with which the work fails. */
export async function inSpan<T>(
  span: Span,
  work: (span: Span) => Promise<T>,
  about?: (result: T) => SpanAttributes,
): Promise<T> {
  try {
    const result = await work(span);
    if (about !== undefined) span.set(about(result));
    span.end();
    return result;
  } catch (error) {
    span.end(codeOf(error));
    throw error;
  }
}

/** Returns the fields by which a line of the log names the trace of its request; none without one. */
export function traceFields(traceparent: string | undefined): Readonly<Record<string, string>> {
  if (traceparent === undefined) return {};
  return { trace_id: traceIdOf(traceparent), span_id: spanIdOf(traceparent) };
}

/** Returns a principal that acts within a span: what it publishes belongs to the span's trace, if that is recorded. */
export function inTrace<P extends { readonly traceparent?: string }>(principal: P, span: Span): P {
  const { traceparent: _, ...rest } = principal;
  const { traceparent } = span;
  return (traceparent === undefined ? rest : { ...rest, traceparent }) as P;
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "internal";
}
