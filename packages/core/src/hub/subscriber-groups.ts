import type { Position, Publication } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";
import { soleCursor } from "./encoded-pages.ts";
import type { Membership } from "./hub-subscriber.ts";

/** Readers that are given the same bytes. */
interface SharedGroup {
  readonly encoder: Encoder;
  readonly members: Membership[];
}

const none: readonly never[] = [];

/**
 * The live readers of a channel on one node, listed by what they are given.
 *
 * Joining, leaving and moving cost the same whatever their number. Lists that most channels never need are
 * made when they are: many channels have one reader, and there may be very many.
 */
export class Audience {
  /** Level with the channel, and given the bytes of their group. */
  #groups: readonly SharedGroup[] = none;
  /** Level with the channel, but with bytes of their own. */
  #others: Membership[] | undefined;
  /** Further than the channel: they read from the log what the bus has yet to bring. */
  #ahead: Membership[] | undefined;
  readonly #onDiverged: (member: Membership) => void;

  /** `onDiverged` is called for a reader that holds what the channel's log has not: it must read the log again. */
  constructor(onDiverged: (member: Membership) => void) {
    this.#onDiverged = onDiverged;
  }

  get size(): number {
    let count = (this.#others?.length ?? 0) + (this.#ahead?.length ?? 0);
    for (const { members } of this.#groups) count += members.length;
    return count;
  }

  /** Those that are level with the channel. */
  level(): readonly Membership[] {
    const shared = this.#groups.flatMap(({ members }) => members);
    return [...shared, ...(this.#others ?? none)];
  }

  /** Those that are further than the channel. */
  get ahead(): readonly Membership[] {
    return this.#ahead ?? none;
  }

  isAhead(member: Membership): boolean {
    return member.list !== undefined && member.list === this.#ahead;
  }

  /** Lists a reader as level, by whether it shares bytes. */
  addLevel(member: Membership): void {
    member.own = undefined;
    const { shared } = member.reader;
    if (shared === undefined) {
      this.#others ??= [];
      enlist(member, this.#others);
      return;
    }
    const { encoder, outbox } = shared;
    member.outbox = outbox;
    const group = this.#groups.find((candidate) => candidate.encoder === encoder);
    if (group !== undefined) {
      enlist(member, group.members);
      return;
    }
    // A literal has room for one, where the first push makes room for many.
    const members = [member];
    member.list = members;
    member.index = 0;
    this.#groups = [...this.#groups, { encoder, members }];
  }

  /** Lists a reader as further than the channel: at its own position. */
  addAhead(member: Membership): void {
    this.#ahead ??= [];
    enlist(member, this.#ahead);
  }

  remove(member: Membership): void {
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
  #moveToLevel(member: Membership): void {
    this.remove(member);
    this.addLevel(member);
  }

  /** Must be called when what a reader shares has changed. */
  regroup(member: Membership): void {
    if (member.list !== undefined && member.list !== this.#ahead) this.#moveToLevel(member);
  }

  /** Gives everyone consecutive entries, which follow `before`, encoded once for all of a group. */
  give(part: readonly Publication[], before: Position): void {
    for (const { encoder, members } of this.#groups) {
      let bytes: Uint8Array | undefined;
      for (const member of members) {
        const { outbox } = member;
        if (outbox === undefined) continue;
        // One that reads slowly takes the entries themselves, to merge them while they wait.
        if (outbox.isHolding) member.reader.onPublications(part, before);
        else {
          bytes ??= encoder.encodeBatch(part, soleCursor);
          outbox.push(bytes);
        }
      }
    }
    // Backwards, so that one that leaves meanwhile makes no other be passed over.
    const others = this.#others ?? none;
    for (let i = others.length - 1; i >= 0; i--) others[i]?.reader.onPublications(part, before);
    const ahead = this.#ahead ?? none;
    for (let i = ahead.length - 1; i >= 0; i--) {
      const member = ahead[i];
      if (member !== undefined) this.#giveAhead(member, part, before);
    }
  }

  #giveAhead(member: Membership, part: readonly Publication[], before: Position): void {
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
      member.reader.onPublications(rest, from);
    }
    if (!member.left && (member.own?.offset ?? 0) <= (part.at(-1)?.position.offset ?? 0)) {
      this.#moveToLevel(member);
    }
  }
}

function enlist(member: Membership, list: Membership[]): void {
  member.list = list;
  member.index = list.length;
  list.push(member);
}
