import type { Position, Publication } from "@milepost/protocol";

/** Approximate number of bytes that a key takes in memory besides its name. */
const keyWeight = 256;

/** Position, event and time of the entry that a dedupe key made, remembered until the key expires. */
export interface KnownEntry {
  readonly position: Position;
  readonly event: string;
  readonly ts: number;
  readonly until: number;
}

/**
 * Dedupe keys of one log.
 *
 * All keys of a channel are remembered for the same time. The oldest key therefore always expires first, and no
 * key needs a timer of its own.
 */
export class KeyMemory {
  readonly #known = new Map<string, KnownEntry>();
  #nameLength = 0;

  /** Approximate number of bytes that the keys take in memory. */
  get weight(): number {
    return this.#known.size * keyWeight + this.#nameLength;
  }

  get(publisher: string, key: string, monotonic: number): KnownEntry | undefined {
    const known = this.#known.get(nameOf(publisher, key));
    return known === undefined || known.until <= monotonic ? undefined : known;
  }

  add(publisher: string, key: string, publication: Publication, until: number): void {
    const name = nameOf(publisher, key);
    const { position, event, ts } = publication;
    // `expire` relies on the order of the map, so a key that is used again after it expired must move to the
    // end.
    if (!this.#known.delete(name)) this.#nameLength += name.length;
    this.#known.set(name, { position, event, ts, until });
  }

  /** Removes expired keys and returns the number of keys left. */
  expire(monotonic: number): number {
    for (const [name, known] of this.#known) {
      if (known.until > monotonic) break;
      this.#known.delete(name);
      this.#nameLength -= name.length;
    }
    return this.#known.size;
  }
}

function nameOf(publisher: string, key: string): string {
  return `${publisher.length}:${publisher}${key}`;
}
