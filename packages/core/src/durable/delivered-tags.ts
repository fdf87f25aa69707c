import type { TagRun } from "@milepost/engine";
import type { Position } from "@milepost/protocol";

/** Number of tags per run. A save writes the runs that changed, so a short run keeps saves small. */
const runLength = 64;
/** Minimum number of newest tags that are kept, once there are that many. */
export const minKnownTags = 1_024;

/**
 * Tags of the newest positions that a durable subscriber was delivered or passed, without a gap between them.
 *
 * A store may lose the newest entries of a log and assign their offsets again. These tags then tell which of the
 * entries that the log has now are the ones that the subscriber knows.
 */
export class DeliveredTags {
  readonly #runs: { readonly first: number; readonly tags: string[] }[];
  /** First offsets of the runs that changed since the last {@link takeChange}. */
  #dirty = new Set<number>();

  constructor(runs: readonly TagRun[]) {
    this.#runs = runs.map(copyOf);
  }

  /** Adds the position after the newest one. Any other position replaces all that are known. */
  add({ offset, tag }: Position): void {
    const end = this.#end;
    if (end !== undefined && end !== offset) this.#cut(-1);
    const last = this.#runs.at(-1);
    if (last === undefined || last.tags.length >= runLength) {
      this.#runs.push({ first: offset, tags: [tag] });
      this.#dirty.add(offset);
    } else {
      last.tags.push(tag);
      this.#dirty.add(last.first);
    }
    while (offset - (this.#runs[1]?.first ?? offset) >= minKnownTags - 1) this.#dropFirst();
  }

  /** Forgets all positions after `position`, which becomes the newest one. */
  cutTo(position: Position): void {
    this.#cut(position.offset);
    if (this.at(position.offset) !== position.tag) this.add(position);
  }

  /** Returns the tag at an offset; undefined when it is not known. */
  at(offset: number): string | undefined {
    const run = this.#runs.findLast(({ first }) => first <= offset);
    return run?.tags[offset - run.first];
  }

  /** Returns all known positions, oldest first. */
  positions(epoch: string): readonly Position[] {
    return this.#runs.flatMap(({ first, tags }) =>
      tags.map((tag, i) => ({ epoch, offset: first + i, tag })),
    );
  }

  /** Takes the runs that changed, and the first offsets of those that no longer exist. */
  takeChange(): { readonly tags: readonly TagRun[]; readonly forgotten: readonly number[] } {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    const tags = this.#runs.filter(({ first }) => dirty.has(first)).map(copyOf);
    for (const { first } of tags) dirty.delete(first);
    return { tags, forgotten: [...dirty] };
  }

  /** Puts back a change that could not be saved. */
  untakeChange(tags: readonly TagRun[], forgotten: readonly number[]): void {
    for (const { first } of tags) this.#dirty.add(first);
    for (const first of forgotten) this.#dirty.add(first);
  }

  /** Returns all known tags, in runs. */
  state(): readonly TagRun[] {
    return this.#runs.map(copyOf);
  }

  /** Offset after the newest position; undefined when none is known. */
  get #end(): number | undefined {
    const last = this.#runs.at(-1);
    return last && last.first + last.tags.length;
  }

  #dropFirst(): void {
    const dropped = this.#runs.shift();
    if (dropped !== undefined) this.#dirty.add(dropped.first);
  }

  /** Forgets every position after `offset`. */
  #cut(offset: number): void {
    for (let last = this.#runs.at(-1); last !== undefined; last = this.#runs.at(-1)) {
      const kept = offset + 1 - last.first;
      if (kept >= last.tags.length) return;
      this.#dirty.add(last.first);
      if (kept > 0) {
        last.tags.length = kept;
        return;
      }
      this.#runs.pop();
    }
  }
}

function copyOf({ first, tags }: TagRun): { readonly first: number; readonly tags: string[] } {
  return { first, tags: [...tags] };
}
