interface Node {
  readonly key: number;
  readonly tie: number;
  readonly value: string;
  readonly priority: number;
  size: number;
  left: Node | undefined;
  right: Node | undefined;
}

/**
 * Set of texts in the order of their keys, and of their ties where keys are equal. Both are whole numbers, and together
 * they are unique. Adding, removing and ranking take O(log n). It is a treap: a search tree that priorities keep balanced.
 */
export class RankedSet {
  #root: Node | undefined;
  #state = 0x9e3779b9;

  get size(): number {
    return this.#root?.size ?? 0;
  }

  /** Adds a text under a key and a tie that the set does not have. */
  add(key: number, tie: number, value: string): void {
    const [before, after] = split(this.#root, key, tie);
    const node: Node = {
      key,
      tie,
      value,
      priority: this.#priority(),
      size: 1,
      left: undefined,
      right: undefined,
    };
    this.#root = join(join(before, node), after);
  }

  /** Removes a key with its tie; false if the set does not have them. */
  remove(key: number, tie: number): boolean {
    const [before, rest] = split(this.#root, key, tie);
    const [found, after] = split(rest, key, tie + 1);
    this.#root = join(before, after);
    return found !== undefined;
  }

  /** Returns the number of texts before a key and a tie. */
  countBefore(key: number, tie = 0): number {
    let count = 0;
    let node = this.#root;
    while (node !== undefined) {
      if (isBefore(node, key, tie)) {
        count += 1 + (node.left?.size ?? 0);
        node = node.right;
      } else {
        node = node.left;
      }
    }
    return count;
  }

  /** Returns the text with `rank` others before it. */
  at(rank: number): string | undefined {
    return this.#nodeAt(rank)?.value;
  }

  /** Returns the key of the first text. */
  firstKey(): number | undefined {
    return this.#nodeAt(0)?.key;
  }

  #nodeAt(rank: number): Node | undefined {
    let left = rank;
    let node = this.#root;
    while (node !== undefined) {
      const before = node.left?.size ?? 0;
      if (left === before) return node;
      if (left < before) {
        node = node.left;
      } else {
        left -= before + 1;
        node = node.right;
      }
    }
    return undefined;
  }

  // A generator with a fixed start: priorities must be spread, not secret, and a run must be repeatable.
  #priority(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }
}

function isBefore(node: Node, key: number, tie: number): boolean {
  return node.key < key || (node.key === key && node.tie < tie);
}

function measure(node: Node): Node {
  node.size = 1 + (node.left?.size ?? 0) + (node.right?.size ?? 0);
  return node;
}

/** Splits a tree into what is before a key and a tie, and the rest. */
function split(
  node: Node | undefined,
  key: number,
  tie: number,
): [Node | undefined, Node | undefined] {
  if (node === undefined) return [undefined, undefined];
  if (isBefore(node, key, tie)) {
    const [left, right] = split(node.right, key, tie);
    node.right = left;
    return [measure(node), right];
  }
  const [left, right] = split(node.left, key, tie);
  node.left = right;
  return [left, measure(node)];
}

/** Joins two trees; all keys of the first are smaller than those of the second. */
function join(left: Node | undefined, right: Node | undefined): Node | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority < right.priority) {
    left.right = join(left.right, right);
    return measure(left);
  }
  right.left = join(left, right.left);
  return measure(right);
}
