import type { JobPace } from "./demo-api.ts";

/** Input of a run: the folder and the pace. */
export interface Job {
  readonly path: string;
  readonly pace: JobPace;
}

const paces: readonly string[] = ["full", "watchable", "slow"] satisfies readonly JobPace[];

/** Reads the job from an operation's input; undefined when the input is not one of this demo. */
export function jobOf(input: unknown): Job | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  const { path, pace } = input as { path?: unknown; pace?: unknown };
  if (typeof path !== "string") return undefined;
  const known = typeof pace === "string" && paces.includes(pace);
  return { path, pace: known ? (pace as JobPace) : "watchable" };
}
