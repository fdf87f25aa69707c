import { bytesOf, readUpdateData, type UpdateData } from "./update-text.ts";

const maxSets = 32;
const maxCharacters = 64 * 1_048_576;

interface PieceSet {
  readonly found: Map<number, UpdateData>;
  readonly count: number;
}

/**
 * Joins the pieces of large updates. It keeps the pieces of at most 32 incomplete updates, and at most 64 MiB; the oldest
 * are forgotten first.
 */
export class Pieces {
  readonly #sets = new Map<string, PieceSet>();
  #characters = 0;

  /** Takes the data of an entry. Returns the bytes of an update that is complete with them; otherwise undefined. */
  take(data: unknown): Uint8Array | undefined {
    const read = readUpdateData(data);
    if (read === undefined) return undefined;
    const { id, piece = 0, pieces = 1 } = read;
    if (id === undefined) return bytesOf(read.update);
    const set = this.#sets.get(id) ?? { found: new Map(), count: pieces };
    // An update is what its first piece says. A piece that does not fit belongs to no update.
    if (set.count !== pieces || set.found.has(piece)) return undefined;
    set.found.set(piece, read);
    this.#sets.set(id, set);
    this.#characters += read.update.length;
    if (set.found.size < pieces) {
      this.#forget();
      return undefined;
    }
    this.#remove(id, set);
    const texts = Array.from({ length: pieces }, (_, n) => set.found.get(n)?.update ?? "");
    return bytesOf(texts.join(""));
  }

  /** Returns the pieces of the updates that are not complete. */
  get incomplete(): readonly UpdateData[] {
    return [...this.#sets.values()].flatMap(({ found }) => [...found.values()]);
  }

  #forget(): void {
    for (const [id, set] of this.#sets) {
      if (this.#sets.size <= maxSets && this.#characters <= maxCharacters) return;
      this.#remove(id, set);
    }
  }

  #remove(id: string, { found }: PieceSet): void {
    this.#sets.delete(id);
    for (const { update } of found.values()) this.#characters -= update.length;
  }
}
