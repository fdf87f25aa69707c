import { endOf } from "@milepost/protocol";
import type { OperationState } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";

/** Progress of generated work (code, a document), as a user interface shows it. */
export interface GenerationProgress {
  readonly status: OperationStatus;
  /** Whole number from 0 to 100. */
  readonly percent: number;
  readonly message: string;
  /** Title of the running step; null if none is running. */
  readonly step: string | null;
  readonly steps_done: number;
  readonly steps_total: number;
  /**
   * The last characters, at most {@link previewLength}, of the text stream that was written most recently.
   * Empty before the first text.
   */
  readonly preview: string;
}

/** Maximum length of {@link GenerationProgress.preview}, in characters. */
export const previewLength = 2_000;

/** Returns the progress of an operation that generates text, with the end of that text. */
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
