import type { Position, Publication } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";
import { soleCursor } from "./encoded-pages.ts";
import type { HubSubscriber } from "./hub-subscriber.ts";

/** Subscribers that receive the same bytes. */
interface SharedGroup {
  readonly encoder: Encoder;
  readonly subscribers: HubSubscriber[];
}

const none: readonly never[] = [];

/**
 * The live subscribers of a channel on one node, grouped by what they receive.
 *
 * Joining, leaving and moving cost the same for any number of subscribers. Lists that most channels never need
 * are made on first use: many channels have one subscriber, and there may be very many channels.
 */
export class SubscriberGroups {
  /** Subscribers that are level with the channel and receive the shared bytes of their group. */
  #groups: readonly SharedGroup[] = none;
  /**
   * Subscribers that are level with the channel but are encoded for one by one; undefined until there is one.
   */
  #others: HubSubscriber[] | undefined;
  /**
   * Subscribers ahead of the channel: they read from the log what the bus has yet to bring. Undefined until
   * there is one.
   */
  #ahead: HubSubscriber[] | undefined;
  readonly #onDiverged: (member: HubSubscriber) => void;

  /**
   * `onDiverged` is called for a subscriber that received an entry which the channel's log does not have: it
   * must read the log again.
   */
  constructor(onDiverged: (member: HubSubscriber) => void) {
    this.#onDiverged = onDiverged;
  }

  get size(): number {
    let count = (this.#others?.length ?? 0) + (this.#ahead?.length ?? 0);
    for (const { subscribers } of this.#groups) count += subscribers.length;
    return count;
  }

  /** Returns the subscribers that are level with the channel. */
  level(): readonly HubSubscriber[] {
    const shared = this.#groups.flatMap(({ subscribers }) => subscribers);
    return [...shared, ...(this.#others ?? none)];
  }

  /** Subscribers that are ahead of the channel. */
  get ahead(): readonly HubSubscriber[] {
    return this.#ahead ?? none;
  }

  isAhead(member: HubSubscriber): boolean {
    return member.list !== undefined && member.list === this.#ahead;
  }

  /**
   * Adds a subscriber as level with the channel: to the group of its encoder when it shares bytes, else to the
   * others.
   */
  addLevel(member: HubSubscriber): void {
    member.own = undefined;
    const { shared } = member.subscriber;
    if (shared === undefined) {
      this.#others ??= [];
      enlist(member, this.#others);
      return;
    }
    const { encoder, sendQueue } = shared;
    member.sendQueue = sendQueue;
    const group = this.#groups.find((candidate) => candidate.encoder === encoder);
    if (group !== undefined) {
      enlist(member, group.subscribers);
      return;
    }
    // An array literal allocates room for one element, while the first push to an empty array allocates room
    // for many.
    const subscribers = [member];
    member.list = subscribers;
    member.index = 0;
    this.#groups = [...this.#groups, { encoder, subscribers }];
  }

  /** Adds a subscriber as ahead of the channel, at its own position. */
  addAhead(member: HubSubscriber): void {
    this.#ahead ??= [];
    enlist(member, this.#ahead);
  }

  remove(member: HubSubscriber): void {
    const { list, index } = member;
    if (list === undefined) return;
    member.list = undefined;
    const last = list.pop();
    if (last !== undefined && last !== member) {
      list[index] = last;
      last.index = index;
    }
  }

  /** Moves a subscriber to the level ones: it was ahead of the channel, or shares other bytes than before. */
  #moveToLevel(member: HubSubscriber): void {
    this.remove(member);
    this.addLevel(member);
  }

  /** Moves a subscriber to its group. Must be called when what it shares has changed. */
  regroup(member: HubSubscriber): void {
    if (member.list !== undefined && member.list !== this.#ahead) this.#moveToLevel(member);
  }

  /**
   * Sends consecutive entries, which follow `before`, to every live subscriber. They are encoded once for each
   * group.
   */
  give(part: readonly Publication[], before: Position): void {
    for (const { encoder, subscribers } of this.#groups) {
      let bytes: Uint8Array | undefined;
      for (const member of subscribers) {
        const { sendQueue } = member;
        if (sendQueue === undefined) continue;
        // A slow subscriber takes the entries themselves, so that they can be merged while they wait.
        if (sendQueue.isHolding) member.subscriber.onPublications(part, before);
        else {
          bytes ??= encoder.encodeBatch(part, soleCursor);
          sendQueue.push(bytes);
        }
      }
    }
    // Iterates backwards, so that a subscriber that leaves meanwhile makes no other be skipped.
    const others = this.#others ?? none;
    for (let i = others.length - 1; i >= 0; i--) others[i]?.subscriber.onPublications(part, before);
    const ahead = this.#ahead ?? none;
    for (let i = ahead.length - 1; i >= 0; i--) {
      const member = ahead[i];
      if (member !== undefined) this.#giveAhead(member, part, before);
    }
  }

  #giveAhead(member: HubSubscriber, part: readonly Publication[], before: Position): void {
    const from = member.own ?? before;
    const own = from.offset;
    const first = part[0]?.position.offset ?? 0;
    const rest = part.slice(Math.max(0, own + 1 - first));
    const tag = part[own - first]?.position.tag ?? rest[0]?.previousTag;
    if (tag !== undefined && tag !== member.own?.tag) {
      this.#onDiverged(member);
      return;
    }
    const last = rest.at(-1);
    if (last !== undefined) {
      member.own = last.position;
      member.subscriber.onPublications(rest, from);
    }
    if (!member.left && (member.own?.offset ?? 0) <= (part.at(-1)?.position.offset ?? 0)) {
      this.#moveToLevel(member);
    }
  }
}

function enlist(member: HubSubscriber, list: HubSubscriber[]): void {
  member.list = list;
  member.index = list.length;
  list.push(member);
}
