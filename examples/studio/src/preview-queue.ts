import { setTimeout as sleep } from "node:timers/promises";
import type { ClaimedTicket, JoinedTicket } from "@milepost/model";
import type { GatewayStudio } from "@milepost/server";
import { Refusal } from "./http-answer.ts";
import type { KeptVisitors } from "./kept-visitors.ts";
import { type Preview, startPreview } from "./preview-server.ts";
import type { StudioFile } from "./studio-files.ts";

/** Name of the queue at the gateway. */
export const previewQueue = "preview";
/** Largest number of visitors who wait. */
export const maxWaiting = 50;
/** Largest number of visitors whose files, and whose payments, are remembered. */
export const maxRemembered = 4 * maxWaiting;
/** Weights of the lanes: of four turns while both wait, three are of paying visitors. */
export const lanes = { paid: 3, free: 1 } as const;

/** Parts that {@link PreviewQueue} needs. */
export interface PreviewQueueParts {
  readonly studio: GatewayStudio;
  readonly visitors: KeptVisitors;
  /** Joins the gateway's queue for a guest, or returns the ticket that the guest has. */
  readonly join: (guest: string, lane: keyof typeof lanes) => Promise<JoinedTicket>;
  /** Time for which one visitor has the preview server, in milliseconds. */
  readonly previewMs: number;
  /** Time between two steps of the work, in milliseconds. */
  readonly stepMs: number;
}

/**
 * The one preview server that all visitors share, behind a queue of the gateway. The gateway keeps the places and tells them
 * to the visitors; this worker gives each in turn the preview, and tells the stages. Visitors keep their places and files when
 * the process is killed; the one who had the preview gets it again.
 */
export class PreviewQueue {
  readonly #parts: PreviewQueueParts;
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
    this.#parts.visitors.set(userId, { isPaying: true });
  }

  /**
   * Puts a visitor into the queue and returns the position. A visitor who waits already keeps the place, with the new files.
   * Throws a {@link Refusal} if the queue is full.
   */
  async join(userId: string, files: readonly StudioFile[]): Promise<number> {
    const { studio, visitors } = this.#parts;
    studio.sendSyncProgress(userId, "validating", 10, "Checking the files");
    const { files: before, ticket } = visitors.get(userId);
    visitors.set(userId, { files, ticket: undefined });
    try {
      return await this.#confirm(userId);
    } catch (error) {
      visitors.set(userId, { files: before, ticket });
      const isFull = (error as { readonly code?: unknown }).code === "queue_full";
      const refusal = isFull
        ? new Refusal(503, `${maxWaiting} visitors wait already; try again later`)
        : new Refusal(503, "the queue cannot be reached; try again later");
      studio.sendSyncProgress(userId, "validating", 10, refusal.message, true);
      studio.sendError(userId, refusal.message, isFull ? "queue_full" : "queue_unavailable");
      throw refusal;
    }
  }

  /** Joins for the visitors whose files were taken just before the process was killed. */
  async resume(): Promise<void> {
    for (const userId of this.#parts.visitors.unconfirmed()) {
      const { files } = this.#parts.visitors.get(userId);
      // The visitor is told of a refusal.
      if (files !== undefined) await this.join(userId, files).catch(() => {});
    }
  }

  async #confirm(userId: string): Promise<number> {
    const { join, visitors } = this.#parts;
    const lane = visitors.get(userId).isPaying === true ? "paid" : "free";
    const { id: ticket, position } = await join(userId.replace(/^guest:/, ""), lane);
    visitors.set(userId, { ticket });
    return position;
  }

  /** Gives the visitor of a ticket the preview. Rejects if it could not be started, or once the signal is aborted. */
  async serve(
    { id: ticket, guest_id, joined_at }: ClaimedTicket,
    signal: AbortSignal,
  ): Promise<void> {
    const { studio, visitors, previewMs, stepMs } = this.#parts;
    const userId = `guest:${guest_id ?? ""}`;
    const { files, served } = visitors.get(userId);
    // The process was killed after the turn, before the gateway knew.
    if (served === ticket) return;
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
      const latest = visitors.get(userId).files ?? files;
      preview = await startPreview(latest);
      studio.sendPreviewStatus(userId, "ready", { url: preview.url });
      studio.sendSyncProgress(userId, "complete", 100, "All files are in place");
      studio.notify(userId, "Your preview is ready", "success");
      await Promise.race([sleep(previewMs, undefined, { signal }), preview.ended]);
      preview.stop();
      await preview.ended;
      this.#drop(userId, latest, ticket);
      studio.sendPreviewStatus(userId, "stopped", { message: "Another visitor may use it now" });
    } catch (error) {
      preview?.stop();
      if (!signal.aborted) {
        this.#drop(userId, visitors.get(userId).files, ticket);
        const message = error instanceof Error ? error.message : String(error);
        studio.sendSyncProgress(userId, stage, percent, "The preview could not be started", true);
        studio.sendPreviewStatus(userId, "error", { message });
        studio.sendError(userId, `The preview failed: ${message}`, "preview_failed");
      }
      throw error;
    }
  }
  /** Notes that a ticket was served, and forgets the files unless the visitor has sent newer ones. */
  #drop(userId: string, files: readonly StudioFile[] | undefined, ticket: string): void {
    const { visitors } = this.#parts;
    const isLatest = visitors.get(userId).files === files;
    visitors.set(userId, {
      served: ticket,
      ...(isLatest && { files: undefined, ticket: undefined }),
    });
  }
}
