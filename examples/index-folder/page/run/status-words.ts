import type { OperationStatus } from "@milepost/model";

/** Colour family of a state. */
export type Tone = "go" | "halt" | "stop" | "wait";

interface StatusWords {
  readonly label: string;
  readonly tone: Tone;
  /** Meaning of the status for the person who waits; empty when the label says enough. */
  readonly meaning: string;
}

/** Label, colour and explanation of each status. */
export const statusWords = {
  waiting: { label: "Waiting in line", tone: "wait", meaning: "It starts when a worker is free." },
  running: { label: "Running", tone: "go", meaning: "" },
  paused: {
    label: "Paused",
    tone: "halt",
    meaning: "It keeps its progress and continues when you resume it.",
  },
  stalled: {
    label: "Stalled",
    tone: "halt",
    meaning: "The worker has stopped reporting. It may recover by itself.",
  },
  done: { label: "Done", tone: "go", meaning: "" },
  failed: { label: "Failed", tone: "stop", meaning: "" },
  cancelled: { label: "Cancelled", tone: "halt", meaning: "It was stopped before it finished." },
  lost: {
    label: "Lost",
    tone: "stop",
    meaning: "The worker did not recover. A retry starts from the beginning.",
  },
} as const satisfies Record<OperationStatus, StatusWords>;
