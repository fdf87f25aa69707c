import type { OperationStatus } from "@milepost/model";

/** The colour family of a state of things. */
export type Tone = "go" | "halt" | "stop" | "wait";

interface StatusWords {
  readonly label: string;
  readonly tone: Tone;
  /** What it means for the person who waits. */
  readonly meaning: string;
}

/** How each status is called, coloured and explained. */
export const statusWords = {
  waiting: { label: "Waiting in line", tone: "wait", meaning: "It starts when a worker is free." },
  running: { label: "Running", tone: "go", meaning: "" },
  paused: {
    label: "Paused",
    tone: "halt",
    meaning: "It keeps its place and goes on when resumed.",
  },
  stalled: {
    label: "Stalled",
    tone: "halt",
    meaning: "The worker has gone silent. It may come back by itself.",
  },
  done: { label: "Done", tone: "go", meaning: "" },
  failed: { label: "Failed", tone: "stop", meaning: "" },
  cancelled: { label: "Cancelled", tone: "halt", meaning: "It was stopped before its end." },
  lost: {
    label: "Lost",
    tone: "stop",
    meaning: "The worker did not come back. A retry starts it anew.",
  },
} as const satisfies Record<OperationStatus, StatusWords>;
