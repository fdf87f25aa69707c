import { matchesDeadLetter } from "../dead-letter-query.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  DeadLetter,
  DeadLetterBounds,
  DeadLetterQuery,
  DeadLetterStore,
  NewDeadLetter,
} from "../ports/dead-letter-store.ts";
import type { Random } from "../ports/random.ts";

interface Kept {
  readonly deadLetter: DeadLetter;
  readonly number: number;
  readonly until: number;
}

const suffixLength = 8;

/** Dead letters of one process in memory, oldest first. */
export class MemoryDeadLetterStore implements DeadLetterStore {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #deadLetters = new Map<string, Kept>();
  readonly #bySource = new Map<string, string>();
  #length = 0;
  #lastNumber = 0;
  #dropped = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async put(deadLetter: NewDeadLetter, bounds: DeadLetterBounds): Promise<DeadLetter> {
    const before = this.#deadLetters.get(this.#bySource.get(deadLetter.source) ?? "");
    const number = before?.number ?? ++this.#lastNumber;
    const id = before?.deadLetter.id ?? `${number}-${this.#random.id(suffixLength)}`;
    const kept = { ...deadLetter, id };
    if (before !== undefined) this.#length -= lengthOf(before.deadLetter);
    this.#length += lengthOf(kept);
    const until = this.#clock.monotonic() + bounds.maxAgeMs;
    // Setting an existing id keeps its position in the map's order, so a replaced dead letter keeps its
    // position in the list.
    this.#deadLetters.set(id, { deadLetter: kept, number, until });
    this.#bySource.set(deadLetter.source, id);
    this.#trim(bounds);
    return kept;
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    const kept = this.#deadLetters.get(id);
    return kept !== undefined && this.#isKept(kept) ? kept.deadLetter : undefined;
  }

  async list(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const after = query.after === undefined ? 0 : Number.parseInt(query.after, 10);
    const found: DeadLetter[] = [];
    for (const kept of this.#deadLetters.values()) {
      if (found.length >= query.limit) break;
      if (kept.number <= after || !this.#isKept(kept)) continue;
      if (matchesDeadLetter(kept.deadLetter, query)) found.push(kept.deadLetter);
    }
    return found;
  }

  async remove(id: string): Promise<boolean> {
    const kept = this.#deadLetters.get(id);
    if (kept === undefined) return false;
    this.#drop(kept.deadLetter);
    return this.#isKept(kept);
  }

  async count() {
    let kept = 0;
    for (const deadLetter of this.#deadLetters.values()) if (this.#isKept(deadLetter)) kept++;
    return { kept, dropped: this.#dropped };
  }

  #isKept({ until }: Kept): boolean {
    return until > this.#clock.monotonic();
  }

  #trim({ maxDeadLetters, maxLength }: DeadLetterBounds): void {
    for (const kept of this.#deadLetters.values()) {
      const isTooMuch = this.#deadLetters.size > maxDeadLetters || this.#length > maxLength;
      if (!isTooMuch && this.#isKept(kept)) return;
      this.#drop(kept.deadLetter);
      this.#dropped++;
    }
  }

  #drop(deadLetter: DeadLetter): void {
    this.#deadLetters.delete(deadLetter.id);
    this.#bySource.delete(deadLetter.source);
    this.#length -= lengthOf(deadLetter);
  }
}

function lengthOf({ entry }: DeadLetter): number {
  return entry.json?.length ?? 0;
}
