/** Name of a limit that somebody reached: of a rate, such as `user_messages`, or of a number, such as `connections_user`. */
export type ReachedLimit = string;

/** User, session, address or channel that reached a limit of this node, or the node itself. */
export interface Limited {
  readonly limit: ReachedLimit;
  /** Who: the name of a publisher as in `user:7`, an address, a channel, or `node`. */
  readonly who: string;
  readonly count: number;
  /** First and latest time, in milliseconds since 1970. */
  readonly first_at: number;
  readonly last_at: number;
}

/** Most entries that are remembered; the one that was limited longest ago is forgotten first. */
const remembered = 500;
const maxNameLength = 200;

/** Memory of who reached limits of this node lately, for administrators. It is bounded, and lost with the process. */
export class RecentLimits {
  readonly #now: () => number;
  /** In the order of the latest time. */
  readonly #byName = new Map<string, Limited>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Everybody who is remembered, the latest first. */
  get all(): readonly Limited[] {
    return [...this.#byName.values()].reverse();
  }

  /** Notes that somebody reached a limit. */
  note(limit: ReachedLimit, name: string): void {
    const who = name.slice(0, maxNameLength);
    const key = `${limit} ${who}`;
    const at = Math.round(this.#now());
    const before = this.#byName.get(key);
    this.#byName.delete(key);
    this.#byName.set(key, {
      limit,
      who,
      count: (before?.count ?? 0) + 1,
      first_at: before?.first_at ?? at,
      last_at: at,
    });
    if (this.#byName.size <= remembered) return;
    for (const oldest of this.#byName.keys()) {
      this.#byName.delete(oldest);
      return;
    }
  }
}
