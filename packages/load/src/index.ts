export { chartOf } from "./chart.ts";
export { compareReports } from "./compare.ts";
export type { LatencyFigures } from "./latencies.ts";
export type { Machine } from "./machine.ts";
export {
  type PermittedTarget,
  permitTarget,
  type Resolve,
  TargetRefused,
} from "./permitted-target.ts";
export { shapeBounds } from "./plan.ts";
export type { ProcessLoad } from "./processes/messages.ts";
export { type LoadShape, type ProfileName, profiles } from "./profiles.ts";
export { isClean, type LoadReport, readReport, type Second } from "./report.ts";
export { type LoadOptions, runLoad } from "./run-load.ts";
export { summaryOf } from "./summary.ts";
export type { Counted } from "./tally.ts";
export type { LoadProgress } from "./timeline.ts";
