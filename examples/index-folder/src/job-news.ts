import type { Notification } from "@milepost/model";
import type { Operation } from "@milepost/producer";
import type { IndexResult } from "./index-job.ts";

/** Tells a person something once. */
export type Notify = (notification: Omit<Notification, "id">) => void;

const shownMs = 8_000;

/** Runs a job and tells its owner how it ended; a cancel is no news to who asked for it. */
export async function withNews(
  op: Operation,
  title: string,
  notify: Notify,
  job: () => Promise<IndexResult>,
): Promise<IndexResult> {
  try {
    const result = await job();
    const message = `${result.files} files and ${result.terms} different words can be searched.`;
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
