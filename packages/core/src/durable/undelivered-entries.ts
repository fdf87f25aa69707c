import type {
  Clock,
  DeadEntry,
  DeadLetter,
  DeadLetterStore,
  SubscriberKey,
} from "@milepost/engine";
import { formatPosition, type Position, type Publication } from "@milepost/protocol";
import { deadLetterBounds } from "../dead-letters/dead-letter-bounds.ts";

/**
 * Dead letters of one durable subscriber. Writing the dead letter of an entry again, on any node, updates the
 * existing one.
 */
export class UndeliveredEntries {
  readonly #deadLetters: DeadLetterStore;
  readonly #clock: Clock;
  readonly #key: SubscriberKey;

  constructor(deadLetters: DeadLetterStore, clock: Clock, key: SubscriberKey) {
    this.#deadLetters = deadLetters;
    this.#clock = clock;
    this.#key = key;
  }

  /**
   * Writes the dead letter of an entry that could not be delivered. Without `publication`, the log has lost the
   * entry.
   */
  async entry(
    position: Position,
    publication: Publication | undefined,
    reason: string,
    attempts: number,
  ): Promise<DeadLetter> {
    const at = { position: formatPosition(position) };
    if (publication === undefined) return this.#put(at, reason, attempts);
    const { event, json, ts, source } = publication;
    const from = source === undefined ? {} : { source };
    return this.#put({ ...at, ...from, event, json, ts }, reason, attempts);
  }

  /**
   * Writes one dead letter for a lost span: the entries after `since`, up to and including `to`, except those
   * acknowledged.
   */
  async span(since: Position, to: Position, reason: string): Promise<DeadLetter> {
    return this.#put({ position: formatPosition(to), since: formatPosition(since) }, reason, 0);
  }

  /** Updates a dead letter whose replay failed. */
  async again(deadLetter: DeadLetter, reason: string, attempts: number): Promise<void> {
    const { id: _, ...rest } = deadLetter;
    const at = this.#clock.now();
    await this.#deadLetters.put(
      { ...rest, at, reason, attempts: deadLetter.attempts + attempts },
      deadLetterBounds,
    );
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return this.#deadLetters.get(id);
  }

  async remove(id: string): Promise<void> {
    await this.#deadLetters.remove(id);
  }

  #put(entry: DeadEntry, reason: string, attempts: number): Promise<DeadLetter> {
    const { channel, owner, name } = this.#key;
    const deadLetter = {
      source: `${name}:${channel}:${entry.since ?? ""}:${entry.position}:${owner}`,
      at: this.#clock.now(),
      channel,
      reason,
      subscriber: { owner, name },
      attempts,
      entry,
    };
    return this.#deadLetters.put(deadLetter, deadLetterBounds);
  }
}
