import type { Position, Publication } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";
import { soleCursor } from "./encoded-pages.ts";
import type { HubSubscriber } from "./hub-subscriber.ts";

/** Readers that are given the same bytes. */
interface SharedGroup {
  readonly encoder: Encoder;
  readonly subscribers: HubSubscriber[];
}

const none: readonly never[] = [];

/**
 * The live readers of a channel on one node, listed by what they are given.
 *
 * Joining, leaving and moving cost the same whatever their number. Lists that most channels never need are
 * made when they are: many channels have one reader, and there may be very many.
 */
export class SubscriberGroups {
  /** Level with the channel, and given the bytes of their group. */
  #groups: readonly SharedGroup[] = none;
  /** Level with the channel, but with bytes of their own. */
  #others: HubSubscriber[] | undefined;
  /** Further than the channel: they read from the log what the bus has yet to bring. */
  #ahead: HubSubscriber[] | undefined;
  readonly #onDiverged: (member: HubSubscriber) => void;

  /** `onDiverged` is called for a reader that holds what the channel's log has not: it must read the log again. */
  constructor(onDiverged: (member: HubSubscriber) => void) {
    this.#onDiverged = onDiverged;
  }

  get size(): number {
    let count = (this.#others?.length ?? 0) + (this.#ahead?.length ?? 0);
    for (const { subscribers } of this.#groups) count += subscribers.length;
    return count;
  }

  /** Those that are level with the channel. */
  level(): readonly HubSubscriber[] {
    const shared = this.#groups.flatMap(({ subscribers }) => subscribers);
    return [...shared, ...(this.#others ?? none)];
  }

  /** Those that are further than the channel. */
  get ahead(): readonly HubSubscriber[] {
    return this.#ahead ?? none;
  }

  isAhead(member: HubSubscriber): boolean {
    return member.list !== undefined && member.list === this.#ahead;
  }

  /** Lists a reader as level, by whether it shares bytes. */
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
    // A literal has room for one, where the first push makes room for many.
    const subscribers = [member];
    member.list = subscribers;
    member.index = 0;
    this.#groups = [...this.#groups, { encoder, subscribers }];
  }

  /** Lists a reader as further than the channel: at its own position. */
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

  /** Lists a reader as level that was further, or shares other bytes than it did. */
  #moveToLevel(member: HubSubscriber): void {
    this.remove(member);
    this.addLevel(member);
  }

  /** Must be called when what a reader shares has changed. */
  regroup(member: HubSubscriber): void {
    if (member.list !== undefined && member.list !== this.#ahead) this.#moveToLevel(member);
  }

  /** Gives everyone consecutive entries, which follow `before`, encoded once for all of a group. */
  give(part: readonly Publication[], before: Position): void {
    for (const { encoder, subscribers } of this.#groups) {
      let bytes: Uint8Array | undefined;
      for (const member of subscribers) {
        const { sendQueue } = member;
        if (sendQueue === undefined) continue;
        // One that reads slowly takes the entries themselves, to merge them while they wait.
        if (sendQueue.isHolding) member.subscriber.onPublications(part, before);
        else {
          bytes ??= encoder.encodeBatch(part, soleCursor);
          sendQueue.push(bytes);
        }
      }
    }
    // Backwards, so that one that leaves meanwhile makes no other be passed over.
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
