import { encodeId, isChannelSegment, MilepostError } from "@milepost/protocol";
import type { NotificationData } from "./notification.ts";
import type { Level } from "./operation-event.ts";
import { OrderedSends, type SendTools } from "./ordered-sends.ts";
import type {
  ErrorData,
  GenerationProgressData,
  PreviewStatusData,
  StudioEventName,
  StudioEvents,
} from "./studio-event.ts";
import type { SyncStage } from "./sync-progress.ts";

const guestPrefix = "guest:";

/**
 * Returns the name of a person's channel: that of a guest for an id that begins with `guest:`, otherwise `user:` and
 * the encoded id. No user's id begins with `guest:`, since the gateway refuses such tokens. The rest of a guest's id may
 * be its name or its encoded name.
 */
export function personalChannel(userId: string): string {
  if (!userId.startsWith(guestPrefix)) return `user:${encodeId(userId)}`;
  const name = userId.slice(guestPrefix.length);
  return `${guestPrefix}${isChannelSegment(name) ? name : encodeId(name)}`;
}

/**
 * Sends updates to one person each.
 *
 * Each method resolves once the gateway has the update, and with false if a later update of the same kind took its
 * place while it waited. Updates for one person arrive in the order of the calls. An update that may succeed later is
 * tried again for some seconds. A method rejects when the update is refused or given up; a caller that does not
 * await it needs to handle nothing, because `onProblem` has the error too.
 */
export interface StudioSender {
  /** Reports a position in the queue; position 0 means that the person has left it. The wait is in milliseconds. */
  sendQueuePosition(
    userId: string,
    position: number,
    total: number,
    estimatedWaitTime?: number | null,
  ): Promise<boolean>;
  /** Reports the stage of a synchronisation; `percent` is from 0 to 100. `failed` says that it ended there. */
  sendSyncProgress(
    userId: string,
    stage: SyncStage,
    percent: number,
    message?: string,
    failed?: boolean,
  ): Promise<boolean>;
  /** Reports the state of a preview, as a word or with its address and a message. */
  sendPreviewStatus(
    userId: string,
    status: string | PreviewStatusData,
    details?: Omit<PreviewStatusData, "status">,
  ): Promise<boolean>;
  /** Reports the progress of generated work. */
  sendGenerationProgress(userId: string, progress: GenerationProgressData): Promise<boolean>;
  /** Shows a notification: a text with its level, or all of its data. */
  notify(userId: string, notification: string | NotificationData, level?: Level): Promise<boolean>;
  /** Shows an error until the person clears it: a text with a code, or all of its data. */
  sendError(userId: string, error: string | ErrorData, code?: string): Promise<boolean>;
  /** Publishes an event to everyone, in the channel `broadcast`. */
  broadcast(event: string, data: unknown): Promise<boolean>;
  /**
   * Returns the number of people whose latest reported position is 1 or more. Only positions that were reported
   * through this object count.
   */
  getQueueLength(): number;
}

/** Maximum number of people whose positions are remembered. The position that was reported first is forgotten. */
export const maxQueued = 10_000;

/** Creates a {@link StudioSender} over a function that publishes. */
export function createStudioSender(tools: SendTools): StudioSender {
  return new ChannelSender(tools);
}

class ChannelSender implements StudioSender {
  readonly #sends: OrderedSends;
  readonly #queued = new Set<string>();

  constructor(tools: SendTools) {
    this.#sends = new OrderedSends(tools);
  }

  sendQueuePosition(
    userId: string,
    position: number,
    total: number,
    estimatedWaitTime?: number | null,
  ): Promise<boolean> {
    this.#place(userId, position >= 1);
    const wait = estimatedWaitTime === undefined ? {} : { estimatedWaitTime };
    return this.#send(userId, "queue:position", { position, total, ...wait });
  }

  sendSyncProgress(
    userId: string,
    stage: SyncStage,
    percent: number,
    message?: string,
    failed = false,
  ): Promise<boolean> {
    const begun = stage === "launching" || stage === "complete" || failed;
    if (begun) this.#place(userId, false);
    const said = message === undefined ? {} : { message };
    const ended = failed ? { failed } : {};
    return this.#send(userId, "sync:progress", { stage, percent, ...said, ...ended });
  }

  sendPreviewStatus(
    userId: string,
    status: string | PreviewStatusData,
    details: Omit<PreviewStatusData, "status"> = {},
  ): Promise<boolean> {
    const data = typeof status === "string" ? { ...details, status } : status;
    return this.#send(userId, "preview:status", data);
  }

  sendGenerationProgress(userId: string, progress: GenerationProgressData): Promise<boolean> {
    return this.#send(userId, "generation:progress", progress);
  }

  notify(
    userId: string,
    notification: string | NotificationData,
    level: Level = "info",
  ): Promise<boolean> {
    const data = typeof notification === "string" ? { message: notification, level } : notification;
    return this.#send(userId, "notification", data);
  }

  sendError(userId: string, error: string | ErrorData, code?: string): Promise<boolean> {
    const data =
      typeof error === "string" ? { message: error, ...(code !== undefined && { code }) } : error;
    return this.#send(userId, "error", data);
  }

  broadcast(event: string, data: unknown): Promise<boolean> {
    return this.#sends.send("broadcast", event, data, false);
  }

  getQueueLength(): number {
    return this.#queued.size;
  }

  #send<Name extends StudioEventName>(
    userId: string,
    event: Name,
    data: StudioEvents[Name],
  ): Promise<boolean> {
    if (typeof userId !== "string" || userId === "") {
      // Without this check, an update for a missing id would go to a user who is called "undefined".
      const error = new MilepostError("bad_message", "userId is missing; pass the id of a user");
      return this.#sends.refuse(error);
    }
    const replaces = event !== "notification" && event !== "error";
    return this.#sends.send(personalChannel(userId), event, data, replaces);
  }

  #place(userId: string, waits: boolean): void {
    this.#queued.delete(userId);
    if (!waits) return;
    this.#queued.add(userId);
    const [oldest] = this.#queued;
    if (this.#queued.size > maxQueued && oldest !== undefined) this.#queued.delete(oldest);
  }
}
