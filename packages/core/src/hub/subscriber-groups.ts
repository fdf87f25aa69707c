import type { Position, Publication } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";
import { isShownTag } from "../store/shown-entries.ts";
import type { HubNumber } from "./channel-numbers.ts";
import { soleCursor } from "./encoded-pages.ts";
import type { HubSubscriber } from "./hub-subscriber.ts";

/** Subscribers that receive the same bytes. */
interface SharedGroup {
  readonly encoder: Encoder;
  readonly subscribers: HubSubscriber[];
  next: SharedGroup | undefined;
}

/** Channel whose subscribers are in the groups. */
export interface DivergingChannel {
  /**
   * Called for a subscriber that received an entry which the channel's log does not have. The subscriber must then read the
   * log again.
   */
  rejoin(hubSubscriber: HubSubscriber): void;
  numberOf(entries: readonly Publication[]): HubNumber | undefined;
}

const none: readonly never[] = [];

/**
 * The live subscribers of a channel on one node, grouped by what they receive.
 *
 * Joining, leaving and moving cost the same for any number of subscribers. Lists that most channels never need
 * are made on first use: many channels have one subscriber, and there may be very many channels.
 */
export class SubscriberGroups {
  /**
   * First of the groups of subscribers that are level with the channel and receive shared bytes. Most channels have one
   * group, and a list of one would take as much memory again.
   */
  #groups: SharedGroup | undefined;
  /**
   * Subscribers that are level with the channel and receive the publications themselves, not shared bytes.
   * Undefined until there is one.
   */
  #others: HubSubscriber[] | undefined;
  /**
   * Subscribers ahead of the channel: they have read entries from the log that the bus has not delivered yet.
   * Undefined until there is one.
   */
  #ahead: HubSubscriber[] | undefined;
  readonly #channel: DivergingChannel;

  constructor(channel: DivergingChannel) {
    this.#channel = channel;
  }

  get size(): number {
    let count = (this.#others?.length ?? 0) + (this.#ahead?.length ?? 0);
    for (let group = this.#groups; group !== undefined; group = group.next) {
      count += group.subscribers.length;
    }
    return count;
  }

  /** Returns the subscribers that are level with the channel. */
  level(): readonly HubSubscriber[] {
    let level: readonly HubSubscriber[] = none;
    for (let group = this.#groups; group !== undefined; group = group.next) {
      level = level.concat(group.subscribers);
    }
    return level.concat(this.#others ?? none);
  }

  /** Subscribers that are ahead of the channel. */
  get ahead(): readonly HubSubscriber[] {
    return this.#ahead ?? none;
  }

  isAhead(hubSubscriber: HubSubscriber): boolean {
    return hubSubscriber.list !== undefined && hubSubscriber.list === this.#ahead;
  }

  /**
   * Adds a subscriber as level with the channel: to the group of its encoder when it shares bytes, else to the
   * others.
   */
  addLevel(hubSubscriber: HubSubscriber): void {
    hubSubscriber.own = undefined;
    const { shared } = hubSubscriber.subscriber;
    if (shared === undefined) {
      if (this.#others === undefined) this.#others = listOf(hubSubscriber);
      else enlist(hubSubscriber, this.#others);
      return;
    }
    const { encoder, sendQueue } = shared;
    hubSubscriber.sendQueue = sendQueue;
    let last: SharedGroup | undefined;
    for (let group = this.#groups; group !== undefined; group = group.next) {
      if (group.encoder === encoder) {
        enlist(hubSubscriber, group.subscribers);
        return;
      }
      last = group;
    }
    const added = { encoder, subscribers: listOf(hubSubscriber), next: undefined };
    if (last === undefined) this.#groups = added;
    else last.next = added;
  }

  /** Adds a subscriber as ahead of the channel, at its own position. */
  addAhead(hubSubscriber: HubSubscriber): void {
    this.#ahead ??= [];
    enlist(hubSubscriber, this.#ahead);
  }

  remove(hubSubscriber: HubSubscriber): void {
    const { list, index } = hubSubscriber;
    if (list === undefined) return;
    hubSubscriber.list = undefined;
    const last = list.pop();
    if (last !== undefined && last !== hubSubscriber) {
      list[index] = last;
      last.index = index;
    }
  }

  /**
   * Makes a subscriber level with the channel. It was ahead of the channel before, or now shares other bytes.
   */
  #moveToLevel(hubSubscriber: HubSubscriber): void {
    this.remove(hubSubscriber);
    this.addLevel(hubSubscriber);
  }

  /** Moves a subscriber to the group of its encoder. Must be called when its `shared` has changed. */
  regroup(hubSubscriber: HubSubscriber): void {
    if (hubSubscriber.list !== undefined && hubSubscriber.list !== this.#ahead)
      this.#moveToLevel(hubSubscriber);
  }

  /**
   * Sends consecutive entries, which follow `before`, to every live subscriber. They are encoded once for each
   * group.
   */
  give(part: readonly Publication[], before: Position): void {
    const mayBeShown = part.some(({ position: { tag } }) => isShownTag(tag));
    for (let group = this.#groups; group !== undefined; group = group.next) {
      const { encoder, subscribers } = group;
      let bytes: Uint8Array | undefined;
      const number = encoder.isShort === true ? this.#channel.numberOf(part) : undefined;
      for (const hubSubscriber of subscribers) {
        const { sendQueue } = hubSubscriber;
        if (sendQueue === undefined) continue;
        if (mayBeShown && hubSubscriber.wasShownSome(part)) hubSubscriber.deliverRest(part, before);
        // A slow subscriber takes the entries themselves, so that they can be merged while they wait.
        else if (sendQueue.isHolding) hubSubscriber.subscriber.onPublications(part, before);
        else {
          bytes ??= encoder.encodeBatch(part, soleCursor, number);
          if (number !== undefined && hubSubscriber.told !== number) {
            hubSubscriber.told = number;
            sendQueue.push(number.introduction(encoder));
          }
          sendQueue.push(bytes);
        }
      }
    }
    // Iterates backwards, so that a subscriber that leaves meanwhile makes no other be skipped.
    const others = this.#others ?? none;
    for (let i = others.length - 1; i >= 0; i--) {
      const hubSubscriber = others[i];
      if (mayBeShown && hubSubscriber?.wasShownSome(part) === true)
        hubSubscriber.deliverRest(part, before);
      else hubSubscriber?.subscriber.onPublications(part, before);
    }
    const ahead = this.#ahead ?? none;
    for (let i = ahead.length - 1; i >= 0; i--) {
      const hubSubscriber = ahead[i];
      if (hubSubscriber !== undefined) this.#giveAhead(hubSubscriber, part, before);
    }
  }

  #giveAhead(hubSubscriber: HubSubscriber, part: readonly Publication[], before: Position): void {
    const from = hubSubscriber.own ?? before;
    const own = from.offset;
    const first = part[0]?.position.offset ?? 0;
    const rest = part.slice(Math.max(0, own + 1 - first));
    const tag = part[own - first]?.position.tag ?? rest[0]?.previousTag;
    if (tag !== undefined && tag !== hubSubscriber.own?.tag) {
      this.#channel.rejoin(hubSubscriber);
      return;
    }
    const last = rest.at(-1);
    if (last !== undefined) {
      hubSubscriber.own = last.position;
      hubSubscriber.deliverRest(rest, from);
    }
    if (
      !hubSubscriber.left &&
      (hubSubscriber.own?.offset ?? 0) <= (part.at(-1)?.position.offset ?? 0)
    ) {
      this.#moveToLevel(hubSubscriber);
    }
  }
}

/**
 * Returns a list with one subscriber. An array literal allocates room for one element, while the first push to an empty
 * array allocates room for many.
 */
function listOf(hubSubscriber: HubSubscriber): HubSubscriber[] {
  const list = [hubSubscriber];
  hubSubscriber.list = list;
  hubSubscriber.index = 0;
  return list;
}

function enlist(hubSubscriber: HubSubscriber, list: HubSubscriber[]): void {
  hubSubscriber.list = list;
  hubSubscriber.index = list.length;
  list.push(hubSubscriber);
}
