import type {
  Clock,
  DeadEntry,
  DeadLetter,
  DeadLetterStore,
  SubscriberKey,
} from "@milepost/engine";
import { formatPosition, type Position, type Publication } from "@milepost/protocol";
import { deadLetterBounds } from "../dead-letters/dead-letter-bounds.ts";

/** Where what a durable subscriber did not take goes: each entry has one letter, whoever writes it and how often. */
export class UndeliveredEntries {
  readonly #deadLetters: DeadLetterStore;
  readonly #clock: Clock;
  readonly #key: SubscriberKey;

  constructor(deadLetters: DeadLetterStore, clock: Clock, key: SubscriberKey) {
    this.#deadLetters = deadLetters;
    this.#clock = clock;
    this.#key = key;
  }

  /** An entry is given up; without its publication, the log has lost it. */
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

  /** Everything after one position up to another is lost, but for what was acknowledged of it. */
  async span(since: Position, to: Position, reason: string): Promise<DeadLetter> {
    return this.#put({ position: formatPosition(to), since: formatPosition(since) }, reason, 0);
  }

  /** The replay of a letter failed too. */
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
