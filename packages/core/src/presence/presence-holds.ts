import type {
  Clock,
  NewMember,
  Presence,
  PresenceStanding,
  PresenceUpdate,
} from "@milepost/engine";

/** What holds need of their node. */
export interface HoldsContext {
  readonly port: Presence;
  /** The node, as it is in this life. */
  readonly holder: string;
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly typingMs: number;
}

/** How a member went that no connection holds any more. */
type Going = "leaves" | "lingers";

/**
 * Who is in a channel by connections of this node, and what of that the store has yet to be told.
 *
 * Everything that changes in a tick, or while an update is under way, goes with the next one: so a burst of joins costs few
 * updates, and who leaves and comes back at once never left. What an update failed to tell is told by the next.
 */
export class PresenceHolds {
  readonly #channel: string;
  readonly #context: HoldsContext;
  readonly #connections = new Map<string, { readonly member: NewMember; count: number }>();
  /** Who changed since it was told; how it went counts only while nothing holds it. */
  #dirty = new Map<string, Going>();
  #typing = new Map<string, boolean>();
  #running: Promise<unknown> | undefined;
  #next: Promise<PresenceStanding> | undefined;

  constructor(channel: string, context: HoldsContext) {
    this.#channel = channel;
    this.#context = context;
  }

  /** How many members connections of this node hold. */
  get size(): number {
    return this.#connections.size;
  }

  /** Whether the store knows all. */
  get isTold(): boolean {
    return this.#dirty.size === 0 && this.#running === undefined && this.#next === undefined;
  }

  has(id: string): boolean {
    return this.#connections.has(id);
  }

  /** One connection more. */
  add(member: NewMember): void {
    const known = this.#connections.get(member.id);
    if (known !== undefined) {
      known.count++;
      return;
    }
    this.#connections.set(member.id, { member, count: 1 });
    this.#dirty.set(member.id, "leaves");
  }

  /** One connection less; true when it was the last. */
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

  /** A member that this node holds types or stops; told with the next update. */
  type(id: string, typing: boolean): void {
    this.#typing.set(id, typing);
  }

  /** Everybody is told anew: the store has lost some. */
  redeclare(): void {
    for (const id of this.#connections.keys()) this.#dirty.set(id, "leaves");
  }

  /** Resolves once the store has been told what is known now, and was told that the node lives. */
  tell(): Promise<PresenceStanding> {
    this.#next ??= this.#tellNext();
    return this.#next;
  }

  async #tellNext(): Promise<PresenceStanding> {
    await this.#running;
    // What else happens in this tick goes along.
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
      for (const [id, going] of dirty) if (!this.#dirty.has(id)) this.#dirty.set(id, going);
      throw error;
    }
  }

  #update(dirty: Map<string, Going>, typing: Map<string, boolean>): PresenceUpdate {
    const { ttlMs, graceMs, typingMs } = this.#context;
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
      typing: [...typing].map(([id, isTyping]) => ({ id, typing: isTyping })),
      typingMs,
    };
  }
}
