import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Operation } from "@milepost/producer";
import type { FlowJob, Job } from "bullmq";

/** Stages of the pipeline, each a queue. A film passes them from the last to the first, its parts side by side. */
export const stages = ["publish", "captions", "transcribe", "encode"] as const;

/** Data of every job. */
export interface FilmData {
  readonly film: string;
  readonly user: string;
  readonly height?: number;
}

const pieces = 12;

/** Returns the flow of a film: three sizes and the captions, which need a transcript, and then its publication. */
export function filmFlow(film: string, user: string): FlowJob {
  const data: FilmData = { film, user };
  const opts = { attempts: 3, backoff: { type: "fixed", delay: 500 } } as const;
  const sizes = [1080, 720, 360].map((height) => ({
    name: `Encode ${height}p`,
    queueName: "encode",
    data: { ...data, height },
    opts,
  }));
  const transcript = { name: "Transcribe", queueName: "transcribe", data, opts };
  const captions = {
    name: "Write captions",
    queueName: "captions",
    data,
    opts,
    children: [transcript],
  };
  return {
    name: `Publish ${film}`,
    queueName: "publish",
    data,
    opts,
    children: [...sizes, captions],
  };
}

/** Describes a job for the person whose film it is. */
export function describeFilm(job: Job) {
  const { user, height = 0 } = job.data as FilmData;
  return { user, title: job.name, weight: height > 0 ? height / 360 : 1 };
}

/** Does the work of one stage. A hash of the film stands for its pictures. */
export async function workOn(
  job: Job<FilmData>,
  operation: Operation | undefined,
  paceMs: number,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const parts = Object.keys(await job.getChildrenValues()).length;
  let hash = `${job.data.film} ${job.data.height ?? ""}`;
  const total = job.queueName === "publish" ? 3 : pieces;
  for (let done = 0; done < total; done++) {
    await operation?.pausePoint();
    await sleep(paceMs, undefined, { signal: signal ?? new AbortController().signal });
    hash = createHash("sha256").update(hash).digest("hex");
    await job.updateProgress({ done: done + 1, total, message: `piece ${done + 1} of ${total}` });
  }
  if (job.queueName === "transcribe") await job.log(`The transcript of ${job.data.film} is ready`);
  return { film: job.data.film, parts, hash: hash.slice(0, 12) };
}
