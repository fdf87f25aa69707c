import type { ChannelPattern } from "./channel-pattern.ts";

/** Branch of the trie, for the patterns that begin with the same segments. */
interface Branch {
  /** Lowest rule index on this branch and below. The search skips a branch that cannot improve the result. */
  lowest: number;
  /**
   * Lowest index of the rules whose pattern ends at this branch. `open` is the lowest index of those that
   * continue with `*`. Both are infinite when there is no such rule.
   */
  end: number;
  open: number;
  literals: Map<string, Branch> | undefined;
  capture: Branch | undefined;
}

const none = Number.POSITIVE_INFINITY;

/**
 * Finds the first of many patterns that matches a name, without trying each one.
 *
 * A lookup follows one branch per segment of the name, or two where both a literal and a `{name}` match. Its
 * cost therefore depends on the number of segments, not on the number of patterns.
 */
export class RuleTrie {
  readonly #root = branch();

  constructor(patterns: readonly ChannelPattern[]) {
    for (const [index, pattern] of patterns.entries()) this.#add(pattern, index);
  }

  /** Returns the index of the first pattern that matches; undefined when none does. */
  find(channel: readonly string[]): number | undefined {
    const found = search(this.#root, channel, 0, none);
    return found === none ? undefined : found;
  }

  #add({ segments, isOpen }: ChannelPattern, index: number): void {
    let at = this.#root;
    at.lowest = Math.min(at.lowest, index);
    for (const segment of segments) {
      let next: Branch | undefined;
      if ("literal" in segment) {
        at.literals ??= new Map();
        next = at.literals.get(segment.literal) ?? branch();
        at.literals.set(segment.literal, next);
      } else {
        at.capture ??= branch();
        next = at.capture;
      }
      at = next;
      at.lowest = Math.min(at.lowest, index);
    }
    if (isOpen) at.open = Math.min(at.open, index);
    else at.end = Math.min(at.end, index);
  }
}

/** Returns the lowest matching rule index from this branch on, or `best` if none is lower. */
function search(at: Branch, channel: readonly string[], depth: number, best: number): number {
  if (at.lowest >= best) return best;
  const segment = channel[depth];
  if (segment === undefined) return Math.min(best, at.end);
  let found = Math.min(best, at.open);
  const literal = at.literals?.get(segment);
  if (literal !== undefined) found = search(literal, channel, depth + 1, found);
  // A `*` at the end of a channel name means everything below a prefix. A `{name}` stands for one segment, so
  // it must not capture that `*`.
  if (at.capture !== undefined && segment !== "*") {
    found = search(at.capture, channel, depth + 1, found);
  }
  return found;
}

function branch(): Branch {
  return { lowest: none, end: none, open: none, literals: undefined, capture: undefined };
}
