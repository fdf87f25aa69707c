import type { Failure } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";

/** A dead letter as services see it. */
export interface DeadLetterView {
  readonly id: string;
  /** Time at which the entry was given up, in milliseconds since 1970. */
  readonly at: number;
  readonly channel: string;
  /**
   * Reason for giving the entry up:
   * - `not_acknowledged`, `refused: …` or `expired`;
   * - `trimmed`, `epoch_changed` or `tag_mismatch`, where the log lost the entry first;
   * - `publish_failed: …`, for what the gateway itself could not publish.
   */
  readonly reason: string;
  /** Name of the durable subscriber; `owner` tells to which owner the name belongs. */
  readonly subscriber?: string;
  readonly owner?: string;
  readonly attempts: number;
  readonly entry: {
    readonly position?: string;
    /**
     * Position before the first entry, when the dead letter stands for all entries after it up to `position`.
     */
    readonly since?: string;
    /** Channel to which the entry was published, if `channel` is a roll-up of everything below a prefix. */
    readonly source?: string;
    readonly event?: string;
    readonly data?: unknown;
    readonly key?: string;
    readonly ts?: number;
  };
}

/** Filter of dead letters; all given conditions must hold. */
export interface DeadLetterFilter {
  readonly channel?: string;
  readonly subscriber?: string;
  /** The whole reason, or its part before the colon. */
  readonly reason?: string;
  /** Most dead letters in the answer, 1–1,000; default 100. */
  readonly limit?: number;
  /** Id after which the page begins. */
  readonly after?: string;
}

/** A page of dead letters, oldest first. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetterView[];
  /** Id after which the next page begins; absent when there are no more. */
  readonly next?: string;
  /**
   * Number of dead letters kept in all. `dropped` counts those removed since the store began, because a bound
   * on number, size or age was reached.
   */
  readonly kept: number;
  readonly dropped: number;
}

/** Result of a replay: the entry is on its way to its subscriber, or was published at `position`. */
export interface Replayed {
  readonly id: string;
  readonly to: "subscriber" | "channel";
  readonly position?: string;
}

/** Result of replaying or dropping a page of dead letters. */
export interface ManyDeadLetters {
  readonly done: number;
  readonly failed: readonly { readonly id: string; readonly error: Failure }[];
  /** Id after which the next page begins; absent when there are no more. */
  readonly next?: string;
}

/** Dead letters: entries that were given up, to read, replay and drop; for services only. */
export interface DeadLetters {
  list(principal: Principal, filter: DeadLetterFilter): Promise<DeadLetterPage>;
  get(principal: Principal, id: string): Promise<DeadLetterView>;
  /**
   * Delivers an entry to its subscriber again, with a fresh number of attempts, or publishes again what could
   * not be published. The dead letter is removed once this took effect. Repeating a replay counts as one
   * replay.
   */
  replay(principal: Principal, id: string): Promise<Replayed>;
  drop(principal: Principal, id: string): Promise<void>;
  /** Replays a page of the dead letters that match a filter, each like {@link DeadLetters.replay}. */
  replayMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
  dropMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
}
