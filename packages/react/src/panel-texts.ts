import type { ConnectionState } from "@milepost/client";
import type { OperationCommandName, OperationState, OperationStatus } from "@milepost/model";

/** Texts of the panel. Each can be replaced on its own. */
export interface PanelTexts {
  readonly connection: (state: ConnectionState, secondsToRetry: number) => string;
  readonly status: Readonly<Record<OperationStatus, string>>;
  /** Text behind that of a running step that takes longer than in nine of ten runs. */
  readonly stepSlow: string;
  readonly step: Readonly<Record<OperationState["steps"][number]["status"], string>>;
  /**
   * Button texts of each command: `label` while no command is pending, and `pending` while the outcome is open.
   */
  readonly command: Readonly<
    Record<OperationCommandName, { readonly label: string; readonly pending: string }>
  >;
  /** Text of the button of a command of the operation's own while its outcome is open. */
  readonly commandPending: (title: string) => string;
  /** Button below the arguments of a command. */
  readonly commandSend: string;
  readonly commandFailed: (command: string, reason: string) => string;
  readonly queue: (position: number, total: number, waitMs: number | undefined) => string;
  readonly silence: (seconds: number) => string;
  readonly counter: (done: number, total: number | undefined, unit: string | undefined) => string;
  readonly progress: (percent: number, step: string | undefined) => string;
  readonly progressOf: (title: string) => string;
  readonly warnings: (count: number) => string;
  readonly errors: (count: number) => string;
  readonly attempt: (attempt: number) => string;
  readonly stale: string;
  readonly degraded: string;
  /** Name of a panel whose operation has no title yet. */
  readonly untitled: string;
  /** Shown while the panel has no operation. */
  readonly nothing: string;
  readonly loading: string;
  readonly offline: string;
  /** Shown while the operation has not begun yet, or belongs to somebody else. */
  readonly pending: string;
  readonly missing: string;
  readonly failedToLoad: (reason: string) => string;
  readonly retryNow: string;
  readonly steps: string;
  readonly notifications: string;
  readonly dismiss: (message: string) => string;
}

const numbers = new Intl.NumberFormat("en");
/** Formats a number with separators and as many decimals as it has, at most three. */
const number = (value: number) => numbers.format(value);

const plural = (count: number, one: string, many = `${one}s`) =>
  `${number(count)} ${count === 1 ? one : many}`;

/** English texts of the panel. */
export const englishTexts: PanelTexts = {
  connection(state, secondsToRetry) {
    switch (state.state) {
      case "idle":
        return "Not connected";
      case "connecting":
        return state.attempt > 1 ? "Reconnecting…" : "Connecting…";
      case "connected":
        return "Connected";
      case "reconnecting":
        return secondsToRetry > 1 ? `Reconnecting in ${secondsToRetry} s` : "Reconnecting…";
      case "closed":
        return `Disconnected: ${state.reason}`;
    }
  },
  status: {
    waiting: "Waiting",
    running: "Running",
    paused: "Paused",
    stalled: "Stalled",
    done: "Done",
    failed: "Failed",
    cancelled: "Cancelled",
    lost: "Lost",
  },
  stepSlow: "slower than usual",
  step: {
    pending: "to do",
    running: "running",
    done: "done",
    failed: "failed",
    skipped: "skipped",
  },
  command: {
    cancel: { label: "Cancel", pending: "Cancelling…" },
    pause: { label: "Pause", pending: "Pausing…" },
    resume: { label: "Resume", pending: "Resuming…" },
    retry: { label: "Retry", pending: "Retrying…" },
  },
  commandSend: "Send",
  commandPending: (title) => `${title}…`,
  commandFailed: (command, reason) => `${command} did not work: ${reason}`,
  queue(position, total, waitMs) {
    const place =
      position <= 1 ? "Next in line" : `Position ${number(position)} of ${number(total)} in line`;
    return waitMs === undefined ? place : `${place}, about ${englishDuration(waitMs)}`;
  },
  silence: (seconds) => `No update for at least ${plural(seconds, "second")}`,
  counter: (done, total, unit) =>
    `${number(done)}${total === undefined ? "" : ` of ${number(total)}`}${unit === undefined ? "" : ` ${unit}`}`,
  progress: (percent, step) =>
    step === undefined ? `${percent} percent` : `${percent} percent, ${step}`,
  progressOf: (title) => `Progress of ${title}`,
  warnings: (count) => plural(count, "warning"),
  errors: (count) => plural(count, "error"),
  attempt: (attempt) => `Attempt ${number(attempt)}`,
  stale: "Not live at the moment: this is the last known state.",
  degraded: "The service is limited at the moment; updates may be late.",
  untitled: "Operation",
  nothing: "There is nothing to show yet.",
  loading: "Loading…",
  offline: "Waiting for the connection…",
  pending: "Waiting for this operation. It has not begun yet, or you may not see it.",
  missing: "This operation was not found.",
  failedToLoad: (reason) => `This operation cannot be shown: ${reason}`,
  retryNow: "Try now",
  steps: "Steps",
  notifications: "Notifications",
  dismiss: (message) => `Dismiss: ${message}`,
};

function englishDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 60) return plural(seconds, "second");
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? plural(minutes, "minute") : plural(Math.round(minutes / 60), "hour");
}
