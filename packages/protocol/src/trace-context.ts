/** Version 00 of the header `traceparent`. Later versions begin alike, and may have more after another hyphen. */
const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=-|$)/;
/** Length of a trace context of version 00, in characters. */
const length = 55;
/** Longest text that is looked at, in characters. */
const maxLength = 512;
const sampled = 1;

/**
 * Reads a W3C trace context, `00-{trace id}-{span id}-{flags}`, as the header `traceparent` has it.
 *
 * Returns undefined for everything else. As W3C Trace Context asks, a wrong one is ignored and never an error.
 */
export function readTraceparent(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length < length || value.length > maxLength)
    return undefined;
  if (!form.test(value)) return undefined;
  if (value.startsWith("00") && value.length > length) return undefined;
  return value.startsWith("00") ? value : `00${value.slice(2, length)}`;
}

/** True if the trace of a valid trace context is recorded. */
export function isSampled(traceparent: string): boolean {
  return (Number.parseInt(traceparent.slice(length - 2), 16) & sampled) === sampled;
}

/** Returns the trace id of a valid trace context: 32 hexadecimal digits. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/** Returns the span id of a valid trace context: 16 hexadecimal digits. */
export function spanIdOf(traceparent: string): string {
  return traceparent.slice(36, 52);
}
