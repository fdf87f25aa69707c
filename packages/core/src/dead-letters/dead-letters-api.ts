import type { Failure } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";

/** A dead letter as it is shown. */
export interface DeadLetterView {
  readonly id: string;
  /** When it was given up, in milliseconds since 1970. */
  readonly at: number;
  readonly channel: string;
  /**
   * `not_acknowledged`, `refused: …`, `expired`; `trimmed`, `epoch_changed`, `tag_mismatch` where the log lost the entry first;
   * `publish_failed: …` of what the gateway itself could not publish.
   */
  readonly reason: string;
  /** The durable subscriber's name, and whose it is. */
  readonly subscriber?: string;
  readonly owner?: string;
  readonly attempts: number;
  readonly entry: {
    readonly position?: string;
    /** The letter stands for all entries after this one up to `position`. */
    readonly since?: string;
    /** Where it was published to, if the channel is everything below a prefix. */
    readonly source?: string;
    readonly event?: string;
    readonly data?: unknown;
    readonly key?: string;
    readonly ts?: number;
  };
}

/** Which dead letters; all given conditions hold. */
export interface DeadLetterFilter {
  readonly channel?: string;
  readonly subscriber?: string;
  /** The reason, or its first word. */
  readonly reason?: string;
  /** At most so many, 1–1,000; 100. */
  readonly limit?: number;
  /** Only those after this id. */
  readonly after?: string;
}

/** A page of dead letters, oldest first. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetterView[];
  /** Go on after this id; absent when there are no more. */
  readonly next?: string;
  /** How many are kept in all, and how many had to go since the store began, for there were too many or they were too old. */
  readonly kept: number;
  readonly dropped: number;
}

/** What a replay came to: it is on its way to its subscriber, or published at `position`. */
export interface Replayed {
  readonly id: string;
  readonly to: "subscriber" | "channel";
  readonly position?: string;
}

/** What was done with many. */
export interface ManyDeadLetters {
  readonly done: number;
  readonly failed: readonly { readonly id: string; readonly error: Failure }[];
  /** Go on after this id; absent when there are no more. */
  readonly next?: string;
}

/** What was given up, to read, replay and drop; for services alone. */
export interface DeadLetters {
  list(principal: Principal, filter: DeadLetterFilter): Promise<DeadLetterPage>;
  get(principal: Principal, id: string): Promise<DeadLetterView>;
  /**
   * Delivers an entry to its subscriber again, with a fresh budget, or publishes again what could not be. The letter goes
   * once that took effect; repeating a replay is one replay.
   */
  replay(principal: Principal, id: string): Promise<Replayed>;
  drop(principal: Principal, id: string): Promise<void>;
  /** The same with a page of those that a filter names. */
  replayMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
  dropMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
}
