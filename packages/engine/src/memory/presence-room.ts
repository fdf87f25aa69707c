import {
  maxListedMembers,
  maxListedTyping,
  type PresenceList,
  type PresentMember,
} from "@milepost/protocol";
import type { PresenceBroadcast, PresenceStanding, PresenceUpdate } from "../ports/presence.ts";

interface Present {
  readonly member: PresentMember;
  readonly holders: Set<string>;
  /**
   * Monotonic time in milliseconds at which a member without holders is removed; undefined unless it lingers.
   */
  lingersUntil: number | undefined;
}

interface Holder {
  endsAt: number;
  readonly ids: Set<string>;
}

/** Time at which one step happens, on both clocks. */
export interface Moment {
  /** Monotonic time in milliseconds; never goes backwards. */
  readonly monotonic: number;
  /** Wall-clock time in milliseconds since 1970. */
  readonly now: number;
}

/** Result of one update of a channel's presence. */
export interface RoomStep {
  readonly standing: PresenceStanding;
  /** Change that the nodes must be notified of; undefined when nothing changed. */
  readonly broadcast: Omit<PresenceBroadcast, "channel"> | undefined;
}

/** Presence of one channel. */
export class PresenceRoom {
  readonly #epoch: string;
  #version = 0;
  /** Present members by id, the longest present first. */
  readonly #present = new Map<string, Present>();
  readonly #holders = new Map<string, Holder>();
  readonly #lingering = new Set<string>();
  /**
   * Monotonic time in milliseconds at which each member stops typing, in the order in which the members began.
   */
  readonly #typing = new Map<string, number>();

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  get isEmpty(): boolean {
    return this.#present.size === 0;
  }

  get list(): PresenceList {
    return {
      epoch: this.#epoch,
      version: this.#version,
      members: this.#listed().map(({ member }) => member),
      count: this.#present.size,
      typing: this.#listedTyping(),
    };
  }

  update(holder: string, update: PresenceUpdate, at: Moment): RoomStep {
    const before = this.#listed();
    const countBefore = this.#present.size;
    const typingBefore = this.#listedTyping();
    // The holder's time must be extended before ended holds are removed. Otherwise a node whose update is late
    // would lose members that it still holds.
    const own = this.#holders.get(holder);
    if (own !== undefined) own.endsAt = at.monotonic + update.ttlMs;
    this.#removeEnded(at.monotonic);
    for (const member of update.enter ?? []) {
      this.#enter(holder, { ...member, since: at.now }, at.monotonic + update.ttlMs);
    }
    for (const id of update.leave ?? []) this.#release(holder, id, undefined);
    const lingersUntil = at.monotonic + (update.lingerMs ?? 0);
    for (const id of update.linger ?? []) this.#release(holder, id, lingersUntil);
    const strangers = this.#type(update, at.monotonic);
    const broadcast = this.#broadcast(before, countBefore, typingBefore, at.monotonic);
    const held = this.#holders.get(holder)?.ids.size ?? 0;
    const standing = { epoch: this.#epoch, version: this.#version, held, strangers };
    return { standing: { ...standing, ...this.#endsIn(at.monotonic) }, broadcast };
  }

  #enter(holder: string, member: PresentMember, endsAt: number): void {
    const { id } = member;
    let present = this.#present.get(id);
    if (present === undefined) {
      present = { member, holders: new Set(), lingersUntil: undefined };
      this.#present.set(id, present);
    }
    present.lingersUntil = undefined;
    this.#lingering.delete(id);
    present.holders.add(holder);
    const holds = this.#holders.get(holder);
    if (holds === undefined) this.#holders.set(holder, { endsAt, ids: new Set([id]) });
    else holds.ids.add(id);
  }

  /**
   * Removes one holder's hold on a member. When no other holder is left, the member is removed at once, or at
   * `lingersUntil` if that is defined.
   */
  #release(holder: string, id: string, lingersUntil: number | undefined): void {
    const holds = this.#holders.get(holder);
    const present = this.#present.get(id);
    if (holds === undefined || present === undefined || !holds.ids.delete(id)) return;
    if (holds.ids.size === 0) this.#holders.delete(holder);
    present.holders.delete(holder);
    if (present.holders.size > 0) return;
    if (lingersUntil === undefined) {
      this.#remove(id);
      return;
    }
    present.lingersUntil = lingersUntil;
    this.#lingering.add(id);
  }

  #remove(id: string): void {
    this.#present.delete(id);
    this.#lingering.delete(id);
    this.#typing.delete(id);
  }

  #removeEnded(now: number): void {
    for (const [holder, { endsAt, ids }] of this.#holders) {
      if (endsAt > now) continue;
      for (const id of [...ids]) this.#release(holder, id, undefined);
    }
    for (const id of this.#lingering) {
      if ((this.#present.get(id)?.lingersUntil ?? 0) <= now) this.#remove(id);
    }
    for (const [id, endsAt] of this.#typing) if (endsAt <= now) this.#typing.delete(id);
  }

  #type({ typing = [], typingMs = 0 }: PresenceUpdate, now: number): readonly string[] {
    const strangers: string[] = [];
    for (const { id, typing: isTyping } of typing) {
      if (!this.#present.has(id)) strangers.push(id);
      else if (isTyping) this.#typing.set(id, now + typingMs);
      else this.#typing.delete(id);
    }
    return strangers;
  }

  #broadcast(
    before: readonly Present[],
    countBefore: number,
    typingBefore: readonly string[],
    now: number,
  ): RoomStep["broadcast"] {
    const typing = this.#listedTyping();
    const after = this.#listed();
    const wasListed = new Set(before);
    const isListed = new Set(after);
    // A member that left and entered again within this step is a new one with the same id.
    const joined = after.filter((present) => !wasListed.has(present));
    const came = new Set(joined.map(({ member }) => member.id));
    const left = before.filter((one) => !isListed.has(one) && !came.has(one.member.id));
    const typingChanged =
      typing.length !== typingBefore.length || typing.some((id, i) => id !== typingBefore[i]);
    const sameMembers = joined.length === 0 && left.length === 0;
    if (sameMembers && this.#present.size === countBefore && !typingChanged) return undefined;
    this.#version++;
    return {
      epoch: this.#epoch,
      version: this.#version,
      joined: joined.map(({ member }) => member),
      left: left.map(({ member }) => member.id),
      count: this.#present.size,
      ...(typingChanged ? { typing } : {}),
      ...this.#endsIn(now),
    };
  }

  #listed(): Present[] {
    const listed: Present[] = [];
    for (const present of this.#present.values()) {
      if (listed.length >= maxListedMembers) break;
      listed.push(present);
    }
    return listed;
  }

  #listedTyping(): string[] {
    return [...this.#typing.keys()].slice(0, maxListedTyping);
  }

  #endsIn(now: number): { readonly endsInMs?: number } {
    let endsAt = Number.POSITIVE_INFINITY;
    for (const id of this.#lingering) {
      endsAt = Math.min(endsAt, this.#present.get(id)?.lingersUntil ?? endsAt);
    }
    for (const typingEndsAt of this.#typing.values()) endsAt = Math.min(endsAt, typingEndsAt);
    return endsAt === Number.POSITIVE_INFINITY ? {} : { endsInMs: Math.max(0, endsAt - now) };
  }
}
