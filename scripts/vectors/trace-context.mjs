import { isSampled, readTraceparent, spanIdOf, traceIdOf } from "@milepost/protocol";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const valid = `00-${traceId}-${spanId}-01`;

/** Returns texts of the header `traceparent`, each with the trace context that the gateway reads from it, or null. */
export function traceContextVectors() {
  const texts = [
    valid,
    `00-${traceId}-${spanId}-00`,
    `00-${"f".repeat(32)}-${"0".repeat(15)}1-01`,
    `cc-${traceId}-${spanId}-01`,
    `cc-${traceId}-${spanId}-01-what-comes`,
    "",
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `${valid}-more`,
    `${valid}x`,
    valid.slice(0, -1),
    valid.replaceAll("-", ""),
  ];
  return {
    about: "What a gateway reads from the header traceparent (P-TRC-1); null for what it ignores.",
    read: texts.map((text) => {
      const traceparent = readTraceparent(text);
      if (traceparent === undefined) return { text, traceparent: null };
      return {
        text,
        traceparent,
        trace_id: traceIdOf(traceparent),
        span_id: spanIdOf(traceparent),
        sampled: isSampled(traceparent),
      };
    }),
  };
}
