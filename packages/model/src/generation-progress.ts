import { endOf } from "./bounded-text.ts";
import type { OperationState } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";

/** Generated work (code, a document) as a panel shows it. */
export interface GenerationProgress {
  readonly status: OperationStatus;
  /** 0–100, whole. */
  readonly percent: number;
  readonly message: string;
  /** The title of the step that runs; null when none does. */
  readonly step: string | null;
  readonly steps_done: number;
  readonly steps_total: number;
  /** The latest characters of the stream written last; empty before the first. */
  readonly preview: string;
}

/** How many characters of generated text a preview shows at most. */
export const previewLength = 2_000;

/** How far a generation is, and the end of what it has written. */
export function toGenerationProgress(state: OperationState): GenerationProgress {
  const step = state.steps.find(({ id }) => id === state.current_step);
  return {
    status: state.status,
    percent: Math.floor(state.percent),
    message: state.error?.message ?? state.message ?? step?.title ?? state.title,
    step: step?.title ?? null,
    steps_done: state.steps.filter(({ status }) => status === "done" || status === "skipped")
      .length,
    steps_total: state.steps.length,
    preview: endOf(latestText(state), previewLength),
  };
}

function latestText({ texts }: OperationState): string {
  let latest = { text: "", offset: -1 };
  for (const text of Object.values(texts)) {
    if (text.offset > latest.offset) latest = text;
  }
  return latest.text;
}
