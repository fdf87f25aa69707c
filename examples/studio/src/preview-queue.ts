import { setTimeout as sleep } from "node:timers/promises";
import type { ClaimedTicket, JoinedTicket } from "@milepost/model";
import type { GatewayStudio } from "@milepost/server";
import { Refusal } from "./http-answer.ts";
import { type Preview, startPreview } from "./preview-server.ts";
import type { StudioFile } from "./studio-files.ts";

/** Name of the queue at the gateway. */
export const previewQueue = "preview";
/** Largest number of visitors who wait. */
export const maxWaiting = 50;
/** Largest number of visitors whose files, and whose payments, are remembered. */
const maxRemembered = 4 * maxWaiting;
/** Weights of the lanes: of four turns while both wait, three are of paying visitors. */
export const lanes = { paid: 3, free: 1 } as const;

/** Parts that {@link PreviewQueue} needs. */
export interface PreviewQueueParts {
  readonly studio: GatewayStudio;
  /** Joins the gateway's queue for a guest, or returns the ticket that the guest has. */
  readonly join: (guest: string, lane: keyof typeof lanes) => Promise<JoinedTicket>;
  /** Time for which one visitor has the preview server, in milliseconds. */
  readonly previewMs: number;
  /** Time between two steps of the work, in milliseconds. */
  readonly stepMs: number;
}

/**
 * The one preview server that all visitors share, behind a queue of the gateway. The gateway keeps the places and tells them
 * to the visitors; this worker gives each in turn the preview, and tells the stages.
 */
export class PreviewQueue {
  readonly #parts: PreviewQueueParts;
  /** Files of the visitors who wait. */
  readonly #files = new Map<string, readonly StudioFile[]>();
  readonly #paying = new Set<string>();
  #served = 0;
  #waitedMs = 0;

  constructor(parts: PreviewQueueParts) {
    this.#parts = parts;
  }

  /** Mean time that visitors have waited, in milliseconds. */
  get averageWaitMs(): number {
    return this.#served === 0 ? 0 : Math.round(this.#waitedMs / this.#served);
  }

  /** Notes that a visitor pays. In a studio with accounts, the gateway reads it from a claim of the visitor's token. */
  pay(userId: string): void {
    this.#paying.add(userId);
    bound(this.#paying);
  }

  /**
   * Puts a visitor into the queue and returns the position. A visitor who waits already keeps the place, with the new files.
   * Throws a {@link Refusal} if the queue is full.
   */
  async join(userId: string, files: readonly StudioFile[]): Promise<number> {
    const { studio } = this.#parts;
    studio.sendSyncProgress(userId, "validating", 10, "Checking the files");
    const before = this.#files.get(userId);
    this.#files.set(userId, files);
    // Visitors may leave without their turn.
    bound(this.#files);
    try {
      const lane = this.#paying.has(userId) ? "paid" : "free";
      const { position } = await this.#parts.join(userId.replace(/^guest:/, ""), lane);
      return position;
    } catch (error) {
      if (before === undefined) this.#files.delete(userId);
      const isFull = (error as { readonly code?: unknown }).code === "queue_full";
      const refusal = isFull
        ? new Refusal(503, `${maxWaiting} visitors wait already; try again later`)
        : new Refusal(503, "the queue cannot be reached; try again later");
      studio.sendSyncProgress(userId, "validating", 10, refusal.message, true);
      studio.sendError(userId, refusal.message, isFull ? "queue_full" : "queue_unavailable");
      throw refusal;
    }
  }

  /** Gives the visitor of a ticket the preview. Rejects if it could not be started, or once the signal is aborted. */
  async serve({ guest_id, joined_at }: ClaimedTicket, signal: AbortSignal): Promise<void> {
    const { studio, previewMs, stepMs } = this.#parts;
    const userId = `guest:${guest_id ?? ""}`;
    const files = this.#files.get(userId);
    this.#served++;
    this.#waitedMs += Math.max(0, Date.now() - joined_at);
    let stage: "syncing" | "launching" = "syncing";
    let percent = 20;
    let preview: Preview | undefined;
    try {
      if (files === undefined) throw new Error("the files are gone; sync them again");
      for (const [i, { name }] of files.entries()) {
        percent = 20 + Math.round((40 * i) / files.length);
        studio.sendSyncProgress(userId, "syncing", percent, `Syncing ${name}`);
        await sleep(stepMs, undefined, { signal });
      }
      stage = "launching";
      percent = 70;
      studio.sendSyncProgress(userId, "launching", percent, "Launching the preview...");
      studio.sendPreviewStatus(userId, "starting");
      await sleep(stepMs, undefined, { signal });
      preview = await startPreview(this.#files.get(userId) ?? files);
      this.#files.delete(userId);
      studio.sendPreviewStatus(userId, "ready", { url: preview.url });
      studio.sendSyncProgress(userId, "complete", 100, "All files are in place");
      studio.notify(userId, "Your preview is ready", "success");
      await Promise.race([sleep(previewMs, undefined, { signal }), preview.ended]);
      preview.stop();
      await preview.ended;
      studio.sendPreviewStatus(userId, "stopped", { message: "Another visitor may use it now" });
    } catch (error) {
      preview?.stop();
      if (!signal.aborted) {
        this.#files.delete(userId);
        const message = error instanceof Error ? error.message : String(error);
        studio.sendSyncProgress(userId, stage, percent, "The preview could not be started", true);
        studio.sendPreviewStatus(userId, "error", { message });
        studio.sendError(userId, `The preview failed: ${message}`, "preview_failed");
      }
      throw error;
    }
  }
}

/** Forgets the oldest visitor where there are too many. */
function bound(visitors: Set<string> | Map<string, unknown>): void {
  const [oldest] = visitors.keys();
  if (visitors.size > maxRemembered && oldest !== undefined) visitors.delete(oldest);
}
