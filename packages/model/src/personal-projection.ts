import { endOf, Fields, isRecord } from "@milepost/protocol";
import { type GenerationProgress, previewLength } from "./generation-progress.ts";
import { type KeyedState, keyedProjection } from "./keyed-projection.ts";
import { type Notification, toNotification } from "./notification.ts";
import { readNotificationFields } from "./notification-schema.ts";
import type { Level } from "./operation-event.ts";
import type { Projection, ProjectionEntry } from "./projection.ts";
import type { QueuePosition } from "./queue-position.ts";
import {
  readErrorData,
  readGenerationProgress,
  readPreviewStatus,
  readQueuePosition,
  readSyncProgress,
} from "./studio-event.ts";
import { type SyncProgress, syncSteps } from "./sync-progress.ts";

/** Time of the entry that a part of a personal state comes from, in milliseconds since 1970. */
interface Timed {
  readonly at: number;
}

/** Position of a person in a queue. */
export interface PersonalQueue extends QueuePosition, Timed {
  /** The same as `estimated_wait_ms`. */
  readonly estimatedWaitTime: number | null;
}

/** Progress of a person's synchronisation. */
export interface PersonalSync extends SyncProgress, Timed {}

/** State of a person's preview. */
export interface PersonalPreview extends Timed {
  readonly status: string;
  readonly url?: string;
  readonly message?: string;
}

/** Progress of what is generated for a person. */
export interface PersonalGeneration extends GenerationProgress, Timed {}

/** A notification, with the time at which it was published. */
export interface PersonalNotification extends Notification, Timed {
  /** The same as `level`. */
  readonly type: Level;
}

/** An error that is shown to a person. */
export interface PersonalError extends Timed {
  readonly id: string;
  readonly code: string;
  readonly message: string;
  readonly title?: string;
  readonly retryable: boolean;
}

/**
 * The state of the channel of a user, a session or a guest: the latest summary of each operation, and the latest of
 * what was published for this person.
 */
export interface PersonalState {
  /** Latest summaries by operation id, at most 100. */
  readonly operations: KeyedState;
  readonly queue?: PersonalQueue;
  readonly sync?: PersonalSync;
  readonly preview?: PersonalPreview;
  readonly generation?: PersonalGeneration;
  /** The latest notifications, oldest first; at most {@link personalBounds}. */
  readonly notifications: readonly PersonalNotification[];
  /** The latest errors, oldest first; at most {@link personalBounds}. */
  readonly errors: readonly PersonalError[];
}

/** Bounds of the lists in a personal state, in items. */
export const personalBounds = { notifications: 20, errors: 20 } as const;

/** A personal state before the first entry. */
export const emptyPersonalState: PersonalState = { operations: {}, notifications: [], errors: [] };

const operations = keyedProjection("operation_id");

/**
 * Folds the channel of a person. The latest queue position, synchronisation, preview and generation replace the
 * ones before. Data that do not match the schema of their event change nothing.
 */
export const personalProjection: Projection<PersonalState> = {
  name: "personal",
  initial: undefined,
  reduce(state, entry) {
    if (!isRecord(entry.data)) return state;
    const before = state ?? emptyPersonalState;
    const after = changed(before, entry, entry.data);
    return after === before ? state : after;
  },
};

function changed(
  state: PersonalState,
  entry: ProjectionEntry,
  data: Record<string, unknown>,
): PersonalState {
  const { ts: at } = entry;
  switch (entry.event) {
    case "queue:position": {
      const queue = queueOf(data, at);
      if (queue === undefined) return state;
      return queue.position < 1 ? withoutQueue(state) : { ...state, queue };
    }
    case "sync:progress": {
      const sync = syncOf(data, at);
      if (sync === undefined) return state;
      // Work that is launched or has ended no longer waits for its turn.
      const begun = sync.stage === "launching" || sync.stage === "complete" || sync.failed;
      return { ...(begun ? withoutQueue(state) : state), sync };
    }
    case "preview:status": {
      const preview = read(data, readPreviewStatus);
      return preview === undefined ? state : { ...state, preview: { ...preview, at } };
    }
    case "generation:progress": {
      const generation = generationOf(data, at);
      return generation === undefined ? state : { ...state, generation };
    }
    case "notification": {
      const notification = notificationOf(data, entry);
      if (notification === undefined) return state;
      const { notifications: max } = personalBounds;
      return { ...state, notifications: listed(state.notifications, notification, max) };
    }
    case "error": {
      const error = errorOf(data, entry);
      if (error === undefined) return state;
      return { ...state, errors: listed(state.errors, error, personalBounds.errors) };
    }
    default: {
      const after = operations.reduce(state.operations, entry) ?? state.operations;
      return after === state.operations ? state : { ...state, operations: after };
    }
  }
}

function read<T>(data: Record<string, unknown>, reader: (fields: Fields) => T): T | undefined {
  const fields = new Fields(data);
  const value = reader(fields);
  return fields.refusal === undefined ? value : undefined;
}

function withoutQueue(state: PersonalState): PersonalState {
  if (state.queue === undefined) return state;
  const { queue: _, ...rest } = state;
  return rest;
}

function queueOf(data: Record<string, unknown>, at: number): PersonalQueue | undefined {
  const known = read(data, readQueuePosition);
  if (known === undefined) return undefined;
  const { position, total, estimated_wait_ms, estimatedWaitTime } = known;
  const wait = estimated_wait_ms ?? estimatedWaitTime ?? null;
  return { position, total, estimated_wait_ms: wait, estimatedWaitTime: wait, at };
}

function syncOf(data: Record<string, unknown>, at: number): PersonalSync | undefined {
  const known = read(data, readSyncProgress);
  if (known === undefined) return undefined;
  const { stage, percent, progress, message, failed = false } = known;
  const title = syncSteps.find(({ id }) => id === stage)?.title ?? stage;
  return {
    stage,
    percent: Math.floor(percent ?? progress ?? (stage === "complete" ? 100 : 0)),
    message: message ?? title,
    failed,
    at,
  };
}

function generationOf(data: Record<string, unknown>, at: number): PersonalGeneration | undefined {
  const known = read(data, readGenerationProgress);
  if (known === undefined) return undefined;
  const { status = "running", percent, progress, message, step, preview = "" } = known;
  return {
    status,
    percent: Math.floor(percent ?? progress ?? (status === "done" ? 100 : 0)),
    message: message ?? step ?? "",
    step: step ?? null,
    steps_done: known.steps_done ?? 0,
    steps_total: known.steps_total ?? 0,
    preview: endOf(preview, previewLength),
    at,
  };
}

function notificationOf(
  data: Record<string, unknown>,
  { offset, ts: at }: ProjectionEntry,
): PersonalNotification | undefined {
  const fields = read(data, readNotificationFields);
  const known = fields && toNotification(fields, idOf(offset, at));
  if (known === undefined) return undefined;
  const { id, level, title, message, ttl_ms } = known;
  return {
    id,
    level,
    type: level,
    ...(title !== undefined && { title }),
    message,
    ...(ttl_ms !== undefined && { ttl_ms }),
    at,
  };
}

function errorOf(
  data: Record<string, unknown>,
  { offset, ts: at }: ProjectionEntry,
): PersonalError | undefined {
  const known = read(data, readErrorData);
  if (known === undefined) return undefined;
  const { id = idOf(offset, at), code = "error", message, title, retryable = false } = known;
  return { id, code, message, ...(title !== undefined && { title }), retryable, at };
}

/** Returns an id for an entry without one. The time tells entries of two lives of a log apart. */
function idOf(offset: number, at: number): string {
  return `@${offset}.${at}`;
}

/** Puts an item at the end of a list, in place of an earlier one with its id. */
function listed<Item extends { readonly id: string }>(
  items: readonly Item[],
  item: Item,
  max: number,
): readonly Item[] {
  return [...items.filter(({ id }) => id !== item.id), item].slice(-max);
}
