import type { OperationStatus } from "./operation-status.ts";

/** Counts of what has happened. */
export interface DigestCounts {
  /** Steps that were done. */
  readonly steps_done: number;
  /** Log lines with the level warning. */
  readonly warnings: number;
  /** Log lines with the level error. */
  readonly errors: number;
  /** Questions that were asked. */
  readonly questions: number;
}

/** One operation of a digest, with what has happened in it since the last position. */
export interface DigestOperation extends DigestCounts {
  readonly operation_id: string;
  readonly kind: string;
  readonly title: string;
  readonly status: OperationStatus;
  readonly percent: number;
  /** True if the operation began since the last position. */
  readonly started?: true;
  /** Status in which the operation ended since the last position. */
  readonly ended?: OperationStatus;
  /** True if there is more than was counted: the log no longer reaches back, or has too many entries. */
  readonly more?: true;
}

/** Sums of a digest. */
export interface DigestTotals extends DigestCounts {
  /** Operations that began. */
  readonly started: number;
  /** Operations that are done. */
  readonly finished: number;
  /** Operations that failed or were lost. */
  readonly failed: number;
  /** Notifications to the user. */
  readonly notifications: number;
}

/** Answer to `GET /v1/users/{id}/digest`: what has happened since the person's last position. */
export interface Digest {
  /** Time up to which the person has seen everything, in milliseconds since 1970; absent before the first `digest.seen`. */
  readonly since?: number;
  /** Time of the digest, in milliseconds since 1970. */
  readonly until: number;
  readonly totals: DigestTotals;
  /** Operations in which something has happened, those that changed last in front. */
  readonly operations: readonly DigestOperation[];
  /** Questions that wait for the person now. */
  readonly open_questions: number;
  /** True if there is more than was counted. */
  readonly more: boolean;
  /** What `digest.seen` takes to say that all of this has been seen. */
  readonly seen: SeenReport;
}

/** Body of `POST /v1/users/{id}/seen`: what a person has seen. */
export interface SeenReport {
  /** True if the person has seen everything up to now. */
  readonly now?: boolean;
  /** Time up to which the person has seen everything, in milliseconds since 1970. */
  readonly at?: number;
  /** Positions up to which the person has seen channels, by the name of the channel. */
  readonly positions?: Readonly<Record<string, string>>;
}

/** Answer to `digest.seen`: the time up to which the person has seen everything, and the number of positions that are kept. */
export interface SeenUpTo {
  readonly at?: number;
  readonly positions: number;
}
