import type { ConnectionState } from "@milepost/client";
import type { SyncStage } from "@milepost/model";
import { englishTexts } from "../panel-texts.ts";

/** Texts of the real-time panel. Each can be replaced on its own. */
export interface RealtimeTexts {
  readonly title: string;
  readonly connected: string;
  /** Shown while there is no connection; `state` is undefined where only `connected` is known. */
  readonly disconnected: (state: ConnectionState | undefined, secondsToRetry: number) => string;
  readonly retryNow: string;
  readonly idle: string;
  readonly queue: (position: number, total: number, waitMs: number | undefined) => string;
  readonly sync: string;
  readonly stages: Readonly<Record<SyncStage, string>>;
  readonly stageStatus: Readonly<Record<"pending" | "running" | "done" | "failed", string>>;
  readonly preview: string;
  /** Words for known statuses of a preview; others are shown as they are. */
  readonly previewStatus: Readonly<Record<string, string>>;
  readonly openPreview: string;
  readonly generation: string;
  readonly generatedText: string;
  readonly errors: string;
  readonly clearErrors: string;
  readonly notifications: string;
  readonly clearNotifications: string;
  readonly dismiss: (message: string) => string;
  readonly progress: (percent: number, what: string) => string;
}

/** English texts of the real-time panel. */
export const englishRealtimeTexts: RealtimeTexts = {
  title: "Live status",
  connected: "Live updates active",
  disconnected(state, secondsToRetry) {
    if (state === undefined) return "Live updates paused";
    return state.state === "connected"
      ? "Live updates active"
      : englishTexts.connection(state, secondsToRetry);
  },
  retryNow: "Try now",
  idle: "Nothing is running. Updates appear here.",
  queue: englishTexts.queue,
  sync: "Synchronisation",
  stages: {
    validating: "Validating",
    syncing: "Syncing",
    launching: "Launching",
    complete: "Complete",
  },
  stageStatus: { pending: "to do", running: "running", done: "done", failed: "failed" },
  preview: "Preview",
  previewStatus: {
    idle: "Idle",
    starting: "Starting",
    running: "Running",
    ready: "Ready",
    stopped: "Stopped",
    error: "Error",
  },
  openPreview: "Open the preview",
  generation: "Generation",
  generatedText: "Generated text",
  errors: "Errors",
  clearErrors: "Clear errors",
  notifications: "Notifications",
  clearNotifications: "Clear notifications",
  dismiss: (message) => `Dismiss: ${message}`,
  progress: (percent, what) => (what === "" ? `${percent} percent` : `${percent} percent, ${what}`),
};
