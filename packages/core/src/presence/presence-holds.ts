import type {
  Clock,
  NewMember,
  Presence,
  PresenceStanding,
  PresenceUpdate,
} from "@milepost/engine";

/** Parts of the node and settings that {@link PresenceHolds} uses. */
export interface HoldsContext {
  readonly port: Presence;
  /**
   * Name under which the store keeps the members that this node holds. Each run of the node has a name of its
   * own.
   */
  readonly holder: string;
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly typingMs: number;
}

/**
 * Way in which a member's last connection on this node ended: the member leaves at once (`leaves`) or stays for
 * the grace period (`lingers`).
 */
type Going = "leaves" | "lingers";

/** Typing of a member, and the monotonic time at which it is no longer valid, in milliseconds. */
interface Typing {
  readonly typing: boolean;
  readonly until: number;
}

/**
 * Members that this node's connections hold in a channel, and the changes that the store does not have yet.
 *
 * Changes in one tick, or during a running update, go out together with the next update. A burst of joins
 * therefore needs few updates, and a member that leaves and rejoins at once is never reported as gone. The
 * changes of a failed update go out with the next one. A typing change does so only while it is valid.
 */
export class PresenceHolds {
  readonly #channel: string;
  readonly #context: HoldsContext;
  readonly #connections = new Map<string, { readonly member: NewMember; count: number }>();
  /**
   * Members that changed since the last update, each with the way in which it left. That way is ignored while a
   * connection holds the member.
   */
  #dirty = new Map<string, Going>();
  #typing = new Map<string, Typing>();
  #running: Promise<unknown> | undefined;
  #next: Promise<PresenceStanding> | undefined;

  constructor(channel: string, context: HoldsContext) {
    this.#channel = channel;
    this.#context = context;
  }

  /** Number of members that connections of this node hold. */
  get size(): number {
    return this.#connections.size;
  }

  /** True when the store has all joins and leaves, and no update is running or queued. */
  get isTold(): boolean {
    return this.#dirty.size === 0 && this.#running === undefined && this.#next === undefined;
  }

  has(id: string): boolean {
    return this.#connections.has(id);
  }

  /** Adds one connection of a member. */
  add(member: NewMember): void {
    const known = this.#connections.get(member.id);
    if (known !== undefined) {
      known.count++;
      return;
    }
    this.#connections.set(member.id, { member, count: 1 });
    this.#dirty.set(member.id, "leaves");
  }

  /** Removes one connection of a member. Returns true if it was the last. */
  remove(id: string, going: Going): boolean {
    const known = this.#connections.get(id);
    if (known === undefined) return false;
    known.count--;
    if (known.count > 0) return false;
    this.#connections.delete(id);
    this.#typing.delete(id);
    this.#dirty.set(id, going);
    return true;
  }

  /** Sets whether a member that this node holds is typing. The next update carries it. */
  type(id: string, typing: boolean): void {
    const { clock, typingMs } = this.#context;
    this.#typing.set(id, { typing, until: clock.monotonic() + typingMs });
  }

  /** Marks all held members as changed, since the store has lost some. */
  redeclare(): void {
    for (const id of this.#connections.keys()) this.#dirty.set(id, "leaves");
  }

  /** Resolves once the store has all changes up to now and has refreshed this node's holds. */
  tell(): Promise<PresenceStanding> {
    this.#next ??= this.#tellNext();
    return this.#next;
  }

  async #tellNext(): Promise<PresenceStanding> {
    await this.#running;
    // Waits for the end of the tick, so that all changes of this tick go out in one update.
    await new Promise<void>((resolve) => {
      this.#context.clock.soon(resolve);
    });
    this.#next = undefined;
    const update = this.#tellNow();
    this.#running = update.catch(() => {});
    try {
      return await update;
    } finally {
      this.#running = undefined;
    }
  }

  async #tellNow(): Promise<PresenceStanding> {
    const { port, holder } = this.#context;
    const dirty = this.#dirty;
    const typing = this.#typing;
    this.#dirty = new Map();
    this.#typing = new Map();
    try {
      return await port.update(this.#channel, holder, this.#update(dirty, typing));
    } catch (error) {
      for (const [id, said] of typing) {
        // Typing ends when the member leaves, even if the member has rejoined since.
        const isSame = this.#connections.has(id) && !this.#dirty.has(id);
        if (isSame && !this.#typing.has(id)) this.#typing.set(id, said);
      }
      for (const [id, going] of dirty) if (!this.#dirty.has(id)) this.#dirty.set(id, going);
      throw error;
    }
  }

  #update(dirty: Map<string, Going>, typing: Map<string, Typing>): PresenceUpdate {
    const { ttlMs, graceMs, typingMs, clock } = this.#context;
    const now = clock.monotonic();
    const enter: NewMember[] = [];
    const leave: string[] = [];
    const linger: string[] = [];
    for (const [id, going] of dirty) {
      const held = this.#connections.get(id);
      if (held !== undefined) enter.push(held.member);
      else if (going === "leaves") leave.push(id);
      else linger.push(id);
    }
    return {
      ttlMs,
      enter,
      leave,
      linger,
      lingerMs: graceMs,
      typing: [...typing].flatMap(([id, said]) =>
        said.until > now ? [{ id, typing: said.typing }] : [],
      ),
      typingMs,
    };
  }
}
