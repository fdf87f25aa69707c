import {
  compact,
  type Failure,
  type Fields,
  failure,
  identifierOf,
  numberIn,
  oneOf,
  type Parsed,
  parsed,
  type Reader,
  readBoolean,
  type StandardSchema,
  textOf,
} from "@milepost/protocol";
import type { NotificationData } from "./notification.ts";
import { notificationSchema } from "./notification-schema.ts";
import type { OperationStatus } from "./operation-status.ts";
import { operationTransitions } from "./operation-transitions.ts";
import { eventBounds } from "./parse-operation-event.ts";
import { schemaOfFields } from "./reader-schema.ts";
import { type SyncStage, syncStages } from "./sync-progress.ts";

/** Data of a `queue:position` event: a person's position in a queue. */
export interface QueuePositionData {
  /** The person at position 1 is the next. 0 means that the person has left the queue. */
  readonly position: number;
  readonly total: number;
  /** Estimated wait in milliseconds; null if it cannot be estimated. */
  readonly estimatedWaitTime?: number | null;
  /** Another name of `estimatedWaitTime`. */
  readonly estimated_wait_ms?: number | null;
}

/** Data of a `sync:progress` event: the stage of a synchronisation. */
export interface SyncProgressData {
  readonly stage: SyncStage;
  /** Progress from 0 to 100; default 0, and 100 for `complete`. */
  readonly percent?: number;
  /** Another name of `percent`, which counts when there is no `percent`. */
  readonly progress?: number;
  /** Default: the title of the stage. */
  readonly message?: string;
  /** True if the synchronisation ended at this stage without success. */
  readonly failed?: boolean;
}

/** Data of a `preview:status` event: the state of a preview server. */
export interface PreviewStatusData {
  /** `idle`, `starting`, `running`, `ready`, `stopped`, `error`, or another word of the application. */
  readonly status: string;
  /** Address of the preview. */
  readonly url?: string;
  readonly message?: string;
}

/** Data of a `generation:progress` event: the progress of generated work. Each event replaces the one before. */
export interface GenerationProgressData {
  /** Default: `running`. */
  readonly status?: OperationStatus;
  /** Progress from 0 to 100; default 0, and 100 for `done`. */
  readonly percent?: number;
  /** Another name of `percent`, which counts when there is no `percent`. */
  readonly progress?: number;
  readonly message?: string;
  /** Title of the running step. */
  readonly step?: string;
  readonly steps_done?: number;
  readonly steps_total?: number;
  /** Text that was generated so far, or the end of it. */
  readonly preview?: string;
}

/** Data of an `error` event: an error to show to a person until it is cleared. */
export interface ErrorData {
  readonly message: string;
  /** Code for programs; default `error`. */
  readonly code?: string;
  readonly title?: string;
  /** True if the person may try again; default false. */
  readonly retryable?: boolean;
  /** Identifies the error, so that it is shown once; by default its place in the channel. */
  readonly id?: string;
}

/** Events for one person, by name, with the type of their data. */
export interface StudioEvents {
  "queue:position": QueuePositionData;
  "sync:progress": SyncProgressData;
  "preview:status": PreviewStatusData;
  "generation:progress": GenerationProgressData;
  error: ErrorData;
  notification: NotificationData;
}

/** Name of an event for one person. */
export type StudioEventName = keyof StudioEvents;

/** Bounds of the events' texts, in characters. */
export const studioBounds = {
  status: 64,
  url: 2_048,
  preview: 65_536,
  code: 128,
  id: 128,
} as const;

const text = textOf(eventBounds.message, 0);
const percentage = numberIn(0, 100);
const count = numberIn(0, Number.MAX_SAFE_INTEGER);
const statuses = Object.keys(operationTransitions) as readonly OperationStatus[];

const orNull =
  <T>(reader: Reader<T>): Reader<T | null> =>
  (value): Parsed<T | null> =>
    value === null ? parsed(null) : reader(value);

/** Reads the data of a `queue:position`; `position` may not be behind `total`. */
export function readQueuePosition(fields: Fields): QueuePositionData {
  const position = fields.required("position", count);
  const total = fields.required("total", count);
  if (position > total) fields.refuse(beyond(position, total));
  return compact({
    position,
    total,
    estimatedWaitTime: fields.optional("estimatedWaitTime", orNull(count)),
    estimated_wait_ms: fields.optional("estimated_wait_ms", orNull(count)),
  });
}

function beyond(position: number, total: number): Failure {
  return failure("bad_message", `position ${position} must not be above total ${total}`);
}

/** Reads the data of a `sync:progress`. */
export function readSyncProgress(fields: Fields): SyncProgressData {
  return compact({
    stage: fields.required("stage", oneOf(syncStages)),
    percent: fields.optional("percent", percentage),
    progress: fields.optional("progress", percentage),
    message: fields.optional("message", text),
    failed: fields.optional("failed", readBoolean),
  });
}

/** Reads the data of a `preview:status`. */
export function readPreviewStatus(fields: Fields): PreviewStatusData {
  return compact({
    status: fields.required("status", textOf(studioBounds.status)),
    url: fields.optional("url", textOf(studioBounds.url)),
    message: fields.optional("message", text),
  });
}

/** Reads the data of a `generation:progress`. */
export function readGenerationProgress(fields: Fields): GenerationProgressData {
  return compact({
    status: fields.optional("status", oneOf(statuses)),
    percent: fields.optional("percent", percentage),
    progress: fields.optional("progress", percentage),
    message: fields.optional("message", text),
    step: fields.optional("step", textOf(eventBounds.title)),
    steps_done: fields.optional("steps_done", count),
    steps_total: fields.optional("steps_total", count),
    preview: fields.optional("preview", textOf(studioBounds.preview, 0)),
  });
}

/** Reads the data of an `error`. */
export function readErrorData(fields: Fields): ErrorData {
  return compact({
    message: fields.required("message", textOf(eventBounds.message)),
    code: fields.optional("code", textOf(studioBounds.code)),
    title: fields.optional("title", textOf(eventBounds.title)),
    retryable: fields.optional("retryable", readBoolean),
    id: fields.optional("id", identifierOf(studioBounds.id)),
  });
}

/** Schemas of the events for one person. A page could show nothing of data that do not match. */
export const studioSchemas: {
  readonly [Name in StudioEventName]: StandardSchema<unknown, StudioEvents[Name]>;
} = {
  "queue:position": schemaOfFields(readQueuePosition),
  "sync:progress": schemaOfFields(readSyncProgress),
  "preview:status": schemaOfFields(readPreviewStatus),
  "generation:progress": schemaOfFields(readGenerationProgress),
  error: schemaOfFields(readErrorData),
  notification: notificationSchema,
};
