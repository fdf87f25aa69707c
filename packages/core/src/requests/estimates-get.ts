import type { Method } from "./method-services.ts";

/** Method `estimates.get {kind?, limit?}`: what is learned about times, and how true the estimates were. For services. */
export const getEstimates: Method = ({ estimates }, principal, params) =>
  estimates.report(principal, params ?? {});
