import type { ChannelPattern } from "./channel-pattern.ts";

/** A place in the trie: where the patterns stand that begin with the same segments. */
interface Branch {
  /** The lowest rule here or further on: nothing better can be found below. */
  lowest: number;
  /** The lowest rule whose pattern ends here, and the lowest that goes on with `*`. */
  end: number;
  open: number;
  literals: Map<string, Branch> | undefined;
  capture: Branch | undefined;
}

const none = Number.POSITIVE_INFINITY;

/**
 * Finds the first of many patterns that matches a name, without looking at each.
 *
 * A look-up takes a step per segment of the name, and two where both a literal and a `{name}` could stand; so
 * its cost depends on the names, not on how many patterns there are.
 */
export class RuleTrie {
  readonly #root = branch();

  constructor(patterns: readonly ChannelPattern[]) {
    for (const [index, pattern] of patterns.entries()) this.#add(pattern, index);
  }

  /** The index of the first pattern that matches; undefined when none does. */
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

/** The lowest rule from here on, if it is lower than `best`. */
function search(at: Branch, channel: readonly string[], depth: number, best: number): number {
  if (at.lowest >= best) return best;
  const segment = channel[depth];
  if (segment === undefined) return Math.min(best, at.end);
  let found = Math.min(best, at.open);
  const literal = at.literals?.get(segment);
  if (literal !== undefined) found = search(literal, channel, depth + 1, found);
  // The * of a name that addresses everything below a prefix is no segment that one could capture.
  if (at.capture !== undefined && segment !== "*") {
    found = search(at.capture, channel, depth + 1, found);
  }
  return found;
}

function branch(): Branch {
  return { lowest: none, end: none, open: none, literals: undefined, capture: undefined };
}
