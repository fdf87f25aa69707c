import type { Core, Principal } from "@milepost/core";
import type { HttpContext } from "./endpoint.ts";

/** Bytes that a request counts whose length is not announced. */
const unknownLength = 65_536;

/** Requests whose messages the core counts one by one. */
const countedByCore = /^\/(?:v1|ws)\/connections\/[^/]+\/messages$/;

/** Counts a request against the limits of its user. Throws `rate_limited` with `retryAfterMs` if it is over one. */
export function chargeRequest(core: Core, principal: Principal, context: HttpContext): void {
  if (countedByCore.test(context.req.path)) return;
  const length = context.req.header("content-length");
  const isOpen = length === undefined && context.req.header("transfer-encoding") !== undefined;
  core.charge(principal, 1, isOpen ? unknownLength : Math.max(0, Number(length ?? 0) || 0));
}

/** Counts the bytes of an answer. An answer that is under way is not held back; later requests wait for it. */
export function chargeAnswer(core: Core, principal: Principal, context: HttpContext): void {
  const length = Number(context.env.outgoing.getHeader("Content-Length") ?? 0);
  if (length > 0) core.chargeAnswer(principal, length);
}
