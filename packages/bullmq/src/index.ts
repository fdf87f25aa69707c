export type { DescribeJob, JobDescription } from "./job-description.ts";
export type { WatchTiming } from "./line-watcher.ts";
export { operationIdOf } from "./operation-id.ts";
export { type TrackedQueue, type TrackOptions, trackQueue } from "./track-queue.ts";
