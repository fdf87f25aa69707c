/** Longest name that {@link SingleUse} takes, in characters. */
export const maxSingleUseName = 256;

/** Names that may be used once, over all nodes: nonces of signed requests, tickets. */
export interface SingleUse {
  /**
   * Resolves with true for the first claim of a name, and with false for every further one during `ttlMs`
   * milliseconds, on whatever node. The same name in another space is another name. A space is a word of the
   * code, such as `ticket`, or belongs to something of the configuration. It is never input from outside, since each
   * space has a bound of its own; a name may be any text.
   *
   * Rejects with `bad_message` when the name is longer than {@link maxSingleUseName}, with `rate_limited` when
   * the store remembers as many names of the space as it may, and with `store_unavailable` when the store cannot
   * answer. After such a rejection the name may have been used up: claim a new one.
   */
  claim(space: string, name: string, ttlMs: number): Promise<boolean>;
}
