/** Numbers that a reader did not receive in their turn. */
export interface SequenceFaults {
  /** Publications that the reader's connection skipped. */
  readonly missing: number;
  /** Publications that arrived again or late. */
  readonly repeated: number;
}

/**
 * Checks that every connection receives the numbers of its channel one after the other.
 *
 * A connection that has ended is owed nothing more. A number whose publish has no known outcome may be
 * missing, and may be stored after later ones.
 */
export class SequenceCheck {
  readonly #next: Int32Array;
  readonly #isOpen: Uint8Array;
  readonly #skipped = new Map<number, number[]>();
  /** Numbers that came after a later one, by connection. */
  readonly #late = new Map<number, number[]>();
  #repeated = 0;

  constructor(connections: number) {
    this.#next = new Int32Array(connections);
    this.#isOpen = new Uint8Array(connections);
  }

  /** Marks a connection as subscribed: from now on it must receive everything. */
  opened(index: number): void {
    this.#isOpen[index] = 1;
  }

  ended(index: number): void {
    this.#isOpen[index] = 0;
  }

  delivered(index: number, seq: number): void {
    const expected = this.#next[index] ?? 0;
    if (seq < expected) {
      const skipped = this.#skipped.get(index);
      const at = skipped?.indexOf(seq) ?? -1;
      if (at < 0) this.#repeated++;
      else {
        skipped?.splice(at, 1);
        addTo(this.#late, index, seq);
      }
      return;
    }
    for (let missing = expected; missing < seq; missing++) this.#skip(index, missing);
    this.#next[index] = seq + 1;
  }

  /** Returns true when every open connection has the last number of its channel. */
  isComplete(channelOf: (index: number) => number, totals: ArrayLike<number>): boolean {
    return this.#next.every(
      (next, index) => this.#isOpen[index] !== 1 || next >= (totals[channelOf(index)] ?? 0),
    );
  }

  /**
   * Returns the faults, given how many numbers each channel had and which of them may be missing. `channelOf` returns the
   * channel of a connection.
   */
  finish(
    channelOf: (index: number) => number,
    totals: ArrayLike<number>,
    uncertain: ReadonlyMap<number, ReadonlySet<number>>,
  ): SequenceFaults {
    for (let index = 0; index < this.#next.length; index++) {
      if (this.#isOpen[index] !== 1) continue;
      const total = totals[channelOf(index)] ?? 0;
      for (let seq = this.#next[index] ?? 0; seq < total; seq++) this.#skip(index, seq);
    }
    let missing = 0;
    const unexcused = (index: number, numbers: readonly number[]) => {
      const may = uncertain.get(channelOf(index));
      return numbers.filter((seq) => may?.has(seq) !== true).length;
    };
    let repeated = this.#repeated;
    for (const [index, numbers] of this.#skipped) missing += unexcused(index, numbers);
    for (const [index, numbers] of this.#late) repeated += unexcused(index, numbers);
    return { missing, repeated };
  }

  #skip(index: number, seq: number): void {
    addTo(this.#skipped, index, seq);
  }
}

function addTo(lists: Map<number, number[]>, index: number, seq: number): void {
  const list = lists.get(index);
  if (list === undefined) lists.set(index, [seq]);
  else list.push(seq);
}
