import type { Failure } from "@milepost/protocol";
import type { DataForm } from "../input/data-form.ts";
import type { Principal } from "../rules/principal.ts";

/** A dead letter as services see it. */
export interface DeadLetterView {
  readonly id: string;
  /** Time at which the entry became a dead letter, in milliseconds since 1970. */
  readonly at: number;
  readonly channel: string;
  /**
   * Reason why the entry became a dead letter:
   * - `not_acknowledged`, `refused: …` or `expired`: a durable subscriber did not settle the entry;
   * - `trimmed`, `epoch_changed` or `tag_mismatch`: the log lost the entry before its delivery;
   * - `publish_failed: …`: a publication of the gateway, or an entry of a source, could not be published;
   * - `not_reached: …`: a push service or a webhook could not be told of something.
   */
  readonly reason: string;
  /**
   * Name of the durable subscriber that did not settle the entry. The name is unique per `owner` and channel.
   */
  readonly subscriber?: string;
  readonly owner?: string;
  readonly attempts: number;
  readonly entry: {
    readonly position?: string;
    /**
     * Present when the dead letter represents a span of lost entries: the position before the first of them.
     * `position` is the last of them.
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

/** Filter of dead letters. A dead letter must match all fields that are present. */
export interface DeadLetterFilter {
  readonly channel?: string;
  readonly subscriber?: string;
  /** Reason to match: the whole reason, or only its part before the colon. */
  readonly reason?: string;
  /** Maximum number of dead letters in the answer, 1–1,000; default 100. */
  readonly limit?: number;
  /** Id of the last dead letter of the previous page. */
  readonly after?: string;
}

/** A page of dead letters, oldest first. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetterView[];
  /** Value of `after` for the next page; absent when there are no more dead letters. */
  readonly next?: string;
  /**
   * Number of dead letters now in the queue. `dropped` counts all dead letters that were removed because a
   * bound on number, size or age was reached.
   */
  readonly kept: number;
  readonly dropped: number;
}

/**
 * Result of a replay. `to` tells whether the entry will be delivered to its subscriber, was published to its
 * channel at `position`, or will be sent to the target that was not reached.
 */
export interface Replayed {
  readonly id: string;
  readonly to: "subscriber" | "channel" | "target";
  readonly position?: string;
}

/** Result of replaying or dropping a page of dead letters. */
export interface ManyDeadLetters {
  readonly done: number;
  readonly failed: readonly { readonly id: string; readonly error: Failure }[];
  /** Value of `after` for the next page; absent when there are no more dead letters. */
  readonly next?: string;
}

/** Methods for dead letters: entries that could not be delivered or published. Allowed to services only. */
export interface DeadLetters {
  /** Lists dead letters, with their data in a form; by default as values. */
  list(principal: Principal, filter: DeadLetterFilter, form?: DataForm): Promise<DeadLetterPage>;
  /** Returns a dead letter, with its data in a form; by default as a value. */
  get(principal: Principal, id: string, form?: DataForm): Promise<DeadLetterView>;
  /**
   * Delivers an entry to its durable subscriber again, with the full number of attempts. An entry that could
   * not be published is published again. The dead letter is removed once the entry is acknowledged or
   * published. Repeating a pending replay has no further effect.
   */
  replay(principal: Principal, id: string): Promise<Replayed>;
  drop(principal: Principal, id: string): Promise<void>;
  /** Replays a page of the dead letters that match a filter, each like {@link DeadLetters.replay}. */
  replayMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
  dropMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
}
