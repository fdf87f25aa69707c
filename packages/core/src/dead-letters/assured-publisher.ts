import type { Clock, Engine, Random } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { RuleBook } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { deadLetterBounds } from "./dead-letter-bounds.ts";

const maxTries = 5;
const firstRetryMs = 500;
const maxRetryMs = 30_000;
const maxWaiting = 10_000;

/** Entry that the gateway itself publishes, such as the summary of an operation. */
export interface OwnPublication {
  readonly channel: string;
  readonly event: string;
  readonly json: string;
  readonly key: string;
  readonly publisher: string;
}

/** Parts of the node that an {@link AssuredPublisher} uses. */
export interface AssuredContext {
  readonly engine: Engine;
  readonly rules: RuleBook;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

/**
 * Publishes the gateway's own entries, whose callers do not wait for the outcome. A failed publish is attempted
 * up to five times within about eight seconds, and then becomes a dead letter. While the store cannot take the
 * dead letter either, up to 10,000 publications stay in memory. Each is then retried as a dead letter about
 * every 30 s.
 *
 * `line` names a series of publications of which only the latest counts, such as one operation's summaries on
 * one channel. A later publication replaces an earlier one that is not stored yet. Once the later one is
 * stored, the dead letter of the earlier one is removed.
 */
export class AssuredPublisher {
  readonly #context: AssuredContext;
  /** Latest publication of each series (`line`) that is not stored yet. */
  readonly #open = new Map<string, Attempt>();
  /** Ids of the dead letters that this node wrote, by series (`line`). */
  readonly #deadLetters = new Map<string, string>();

  constructor(context: AssuredContext) {
    this.#context = context;
  }

  /** Number of publications that are not stored yet. */
  get waiting(): number {
    return this.#open.size;
  }

  /** Publishes once, and retries in the background if that fails. Never rejects. */
  async publish(line: string, publication: OwnPublication): Promise<void> {
    const before = this.#open.get(line);
    if (before !== undefined) this.#context.wheel.clear(before);
    const attempt = new Attempt(line, publication, (due) => void this.#try(due));
    // Deleting and inserting the series moves it to the end, so the map lists the longest unchanged series
    // first.
    this.#open.delete(line);
    this.#open.set(line, attempt);
    await this.#try(attempt);
  }

  /** Moves the publications that still wait to the dead-letter queue. */
  async close(): Promise<void> {
    const waiting = [...this.#open.values()];
    for (const attempt of waiting) this.#context.wheel.clear(attempt);
    await Promise.all(waiting.map((attempt) => this.#giveUp(attempt)));
  }

  async #try(attempt: Attempt): Promise<void> {
    if (attempt.tries >= maxTries) {
      await this.#giveUp(attempt);
      return;
    }
    const { engine, rules, onError } = this.#context;
    const { channel, ...entry } = attempt.publication;
    attempt.tries++;
    try {
      const { name, policy } = rules.of(channel);
      await engine.log.append(name, entry, policy);
      await this.#stored(attempt);
    } catch (error) {
      onError(error);
      attempt.code = error instanceof MilepostError ? error.code : "internal";
      const isFinal = error instanceof MilepostError && !error.retryable;
      if (this.#open.get(attempt.line) !== attempt) return;
      if (isFinal || attempt.tries >= maxTries) await this.#giveUp(attempt);
      else this.#wait(attempt, firstRetryMs * 2 ** (attempt.tries - 1));
    }
  }

  async #stored(attempt: Attempt): Promise<void> {
    const { line } = attempt;
    if (this.#open.get(line) !== attempt) return;
    this.#open.delete(line);
    const deadLetter = this.#deadLetters.get(line);
    if (deadLetter === undefined) return;
    this.#deadLetters.delete(line);
    // A failed removal is only logged: the outdated dead letter does harm only if somebody replays it.
    await this.#context.engine.deadLetters.remove(deadLetter).catch(this.#context.onError);
  }

  async #giveUp(attempt: Attempt): Promise<void> {
    const { engine, clock, onError } = this.#context;
    const { line, tries, code } = attempt;
    const { channel, publisher, ...entry } = attempt.publication;
    try {
      const deadLetter = {
        source: `publish:${line}`,
        at: clock.now(),
        channel,
        reason: `publish_failed: ${code}`,
        publisher,
        attempts: tries,
        entry,
      };
      const { id } = await engine.deadLetters.put(deadLetter, deadLetterBounds);
      if (this.#open.get(line) === attempt) this.#open.delete(line);
      this.#remember(line, id);
    } catch (error) {
      onError(error);
      if (this.#open.get(line) === attempt) this.#wait(attempt, maxRetryMs);
    }
  }

  #wait(attempt: Attempt, delayMs: number): void {
    const { wheel, random, onError } = this.#context;
    wheel.set(attempt, delayMs * (1 + 0.2 * random.fraction()));
    if (this.#open.size <= maxWaiting) return;
    const [oldest] = this.#open.values();
    if (oldest === undefined) return;
    this.#open.delete(oldest.line);
    wheel.clear(oldest);
    onError(
      new Error(
        "dropped the oldest of the gateway's own entries that are not stored yet: too many wait for the store; check the store",
      ),
    );
  }

  #remember(line: string, deadLetter: string): void {
    this.#deadLetters.delete(line);
    this.#deadLetters.set(line, deadLetter);
    const [oldest] = this.#deadLetters.keys();
    if (this.#deadLetters.size > maxWaiting && oldest !== undefined)
      this.#deadLetters.delete(oldest);
  }
}

/** Publication that is not stored yet, with its attempts so far. */
class Attempt extends Deadline {
  readonly line: string;
  readonly publication: OwnPublication;
  readonly #onDue: (attempt: Attempt) => void;
  tries = 0;
  /** Error code of the last failure. */
  code = "shutting_down";

  constructor(line: string, publication: OwnPublication, onDue: (attempt: Attempt) => void) {
    super();
    this.line = line;
    this.publication = publication;
    this.#onDue = onDue;
  }

  override onDue(): void {
    this.#onDue(this);
  }
}
