import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayStudio } from "@milepost/server";
import { Refusal } from "./http-answer.ts";
import { type Preview, startPreview } from "./preview-server.ts";
import type { StudioFile } from "./studio-files.ts";

/** Parts that {@link PreviewQueue} needs. */
export interface PreviewQueueParts {
  readonly studio: GatewayStudio;
  /** Time for which one visitor has the preview server, in milliseconds. */
  readonly previewMs: number;
  /** Time between two steps of the work, in milliseconds. */
  readonly stepMs: number;
}

interface Job {
  readonly userId: string;
  readonly files: readonly StudioFile[];
  readonly since: number;
}

/** Largest number of visitors who wait. */
const maxWaiting = 50;

/** Queue of the one preview server that all visitors share. Each position and each stage is told to its visitor. */
export class PreviewQueue {
  readonly #parts: PreviewQueueParts;
  readonly #waiting: Job[] = [];
  readonly #ending = new AbortController();
  #running: Job | undefined;
  #preview: Preview | undefined;
  #done = Promise.resolve();
  #served = 0;
  #waitedMs = 0;

  constructor(parts: PreviewQueueParts) {
    this.#parts = parts;
  }

  /** Mean time that visitors have waited, in milliseconds. */
  get averageWaitMs(): number {
    return this.#served === 0 ? 0 : Math.round(this.#waitedMs / this.#served);
  }

  /**
   * Puts a visitor into the queue and returns the position; 0 if it is the visitor's turn at once. A visitor who waits
   * already keeps the place, with the new files. Throws a {@link Refusal} if the queue is full.
   */
  join(userId: string, files: readonly StudioFile[]): number {
    const { studio } = this.#parts;
    studio.sendSyncProgress(userId, "validating", 10, "Checking the files");
    const at = this.#waiting.findIndex((job) => job.userId === userId);
    if (at >= 0) {
      this.#waiting[at] = { userId, files, since: this.#waiting[at]?.since ?? performance.now() };
      return at + 1;
    }
    if (this.#waiting.length >= maxWaiting) {
      const error = new Refusal(503, `${maxWaiting} visitors wait already; try again later`);
      studio.sendSyncProgress(userId, "validating", 10, "The queue is full", true);
      studio.sendError(userId, error.message, "queue_full");
      throw error;
    }
    this.#waiting.push({ userId, files, since: performance.now() });
    if (this.#running === undefined) this.#next();
    else this.#tellPositions();
    return this.#waiting.length;
  }

  /** Ends the preview and everything that waits. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#waiting.length = 0;
    this.#preview?.stop();
    await this.#done;
  }

  #next(): void {
    const job = this.#waiting.shift();
    this.#running = job;
    this.#tellPositions();
    if (job === undefined) return;
    this.#served++;
    this.#waitedMs += performance.now() - job.since;
    this.#done = this.#run(job).finally(() => {
      if (!this.#ending.signal.aborted) this.#next();
    });
  }

  #tellPositions(): void {
    const { studio, previewMs, stepMs } = this.#parts;
    const total = this.#waiting.length;
    this.#waiting.forEach(({ userId }, i) => {
      studio.sendQueuePosition(userId, i + 1, total, (i + 1) * (previewMs + 6 * stepMs));
    });
  }

  async #run({ userId, files }: Job): Promise<void> {
    const { studio, previewMs, stepMs } = this.#parts;
    const { signal } = this.#ending;
    let stage: "syncing" | "launching" = "syncing";
    let percent = 20;
    try {
      studio.sendQueuePosition(userId, 0, 0);
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
      const preview = await startPreview(files);
      this.#preview = preview;
      studio.sendPreviewStatus(userId, "ready", { url: preview.url });
      studio.sendSyncProgress(userId, "complete", 100, "All files are in place");
      studio.notify(userId, "Your preview is ready", "success");
      await Promise.race([sleep(previewMs, undefined, { signal }), preview.ended]);
      preview.stop();
      await preview.ended;
      studio.sendPreviewStatus(userId, "stopped", { message: "Another visitor may use it now" });
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      studio.sendSyncProgress(userId, stage, percent, "The preview could not be started", true);
      studio.sendPreviewStatus(userId, "error", { message });
      studio.sendError(userId, `The preview failed: ${message}`, "preview_failed");
    } finally {
      this.#preview?.stop();
      this.#preview = undefined;
    }
  }
}
