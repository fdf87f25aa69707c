import type { IncomingHttpHeaders } from "node:http";
import type { Principal } from "@milepost/core";
import { readTraceparent } from "@milepost/protocol";

/** Returns the principal with the trace context of its request; the same principal where the request has none. */
export function withTrace<P extends Principal>(principal: P, headers: IncomingHttpHeaders): P {
  const traceparent = readTraceparent(headers.traceparent);
  return traceparent === undefined ? principal : { ...principal, traceparent };
}
