import { matchesLetter } from "../dead-letter-query.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  DeadLetter,
  DeadLetterBounds,
  DeadLetterQuery,
  DeadLetters,
  NewDeadLetter,
} from "../ports/dead-letters.ts";
import type { Random } from "../ports/random.ts";

interface Kept {
  readonly letter: DeadLetter;
  readonly number: number;
  readonly until: number;
}

const suffixLength = 8;

/** The dead letters of one process, oldest first. */
export class MemoryDeadLetters implements DeadLetters {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #letters = new Map<string, Kept>();
  readonly #bySource = new Map<string, string>();
  #length = 0;
  #lastNumber = 0;
  #dropped = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async put(letter: NewDeadLetter, bounds: DeadLetterBounds): Promise<DeadLetter> {
    const before = this.#letters.get(this.#bySource.get(letter.source) ?? "");
    const number = before?.number ?? ++this.#lastNumber;
    const id = before?.letter.id ?? `${number}-${this.#random.id(suffixLength)}`;
    const kept = { ...letter, id };
    if (before !== undefined) this.#length -= lengthOf(before.letter);
    this.#length += lengthOf(kept);
    const until = this.#clock.monotonic() + bounds.maxAgeMs;
    // One that takes the place of another keeps it.
    this.#letters.set(id, { letter: kept, number, until });
    this.#bySource.set(letter.source, id);
    this.#trim(bounds);
    return kept;
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    const kept = this.#letters.get(id);
    return kept !== undefined && this.#isKept(kept) ? kept.letter : undefined;
  }

  async list(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const after = query.after === undefined ? 0 : Number.parseInt(query.after, 10);
    const found: DeadLetter[] = [];
    for (const kept of this.#letters.values()) {
      if (found.length >= query.limit) break;
      if (kept.number <= after || !this.#isKept(kept)) continue;
      if (matchesLetter(kept.letter, query)) found.push(kept.letter);
    }
    return found;
  }

  async remove(id: string): Promise<boolean> {
    const kept = this.#letters.get(id);
    if (kept === undefined) return false;
    this.#drop(kept.letter);
    return this.#isKept(kept);
  }

  async count() {
    let kept = 0;
    for (const letter of this.#letters.values()) if (this.#isKept(letter)) kept++;
    return { kept, dropped: this.#dropped };
  }

  #isKept({ until }: Kept): boolean {
    return until > this.#clock.monotonic();
  }

  #trim({ maxLetters, maxLength }: DeadLetterBounds): void {
    for (const kept of this.#letters.values()) {
      const isTooMuch = this.#letters.size > maxLetters || this.#length > maxLength;
      if (!isTooMuch && this.#isKept(kept)) return;
      this.#drop(kept.letter);
      this.#dropped++;
    }
  }

  #drop(letter: DeadLetter): void {
    this.#letters.delete(letter.id);
    this.#bySource.delete(letter.source);
    this.#length -= lengthOf(letter);
  }
}

function lengthOf({ entry }: DeadLetter): number {
  return entry.json?.length ?? 0;
}
