import type { Notification } from "@milepost/model";
import type { Operation } from "@milepost/producer";
import type { IndexResult } from "./index-job.ts";
import { count, counted } from "./numbers.ts";

/** Sends one notification to the owner of a job. */
export type Notify = (notification: Omit<Notification, "id">) => void;

const shownMs = 8_000;

/**
 * Runs a job and notifies its owner of the end. A cancelled job sends no notification, because its owner asked
 * for the cancel.
 */
export async function withNews(
  op: Operation,
  title: string,
  notify: Notify,
  job: () => Promise<IndexResult>,
): Promise<IndexResult> {
  try {
    const result = await job();
    const message = `You can search ${counted(result.files, "file")} and ${count(result.terms)} different words.`;
    notify({ level: "success", title: `${title}: done`, message, ttl_ms: shownMs });
    return result;
  } catch (error) {
    if (!op.signal.aborted) {
      const message = error instanceof Error ? error.message : String(error);
      notify({ level: "error", title: `${title}: failed`, message });
    }
    throw error;
  }
}
