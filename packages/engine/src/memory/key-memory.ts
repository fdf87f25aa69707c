import type { Position, Publication } from "@milepost/protocol";

/** What is remembered of an entry under its key: all but its data. */
export interface KnownEntry {
  readonly position: Position;
  readonly event: string;
  readonly ts: number;
  readonly until: number;
}

/**
 * The dedupe keys of one log.
 *
 * Keys are remembered for the same span in a channel, so the oldest is always the first to go and no key
 * needs a timer of its own.
 */
export class KeyMemory {
  readonly #known = new Map<string, KnownEntry>();

  get(publisher: string, key: string, monotonic: number): KnownEntry | undefined {
    const known = this.#known.get(nameOf(publisher, key));
    return known === undefined || known.until <= monotonic ? undefined : known;
  }

  add(publisher: string, key: string, publication: Publication, until: number): void {
    const name = nameOf(publisher, key);
    const { position, event, ts } = publication;
    // An expired key that comes again must stand at the end of the line.
    this.#known.delete(name);
    this.#known.set(name, { position, event, ts, until });
  }

  /** Forgets what is over; answers how many keys are left. */
  expire(monotonic: number): number {
    for (const [name, known] of this.#known) {
      if (known.until > monotonic) break;
      this.#known.delete(name);
    }
    return this.#known.size;
  }
}

function nameOf(publisher: string, key: string): string {
  return `${publisher.length}:${publisher}${key}`;
}
