import { formatPosition, type Position, type Publication } from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { SendQueue } from "../send-queue/send-queue.ts";
import type { Subscriber } from "./subscriber.ts";

/** A channel of the hub, as one of its subscribers uses it. */
export interface SubscribedChannel {
  readonly resolved: ResolvedChannel;
  /** Position up to which the channel has handed entries out; undefined before it has any. */
  readonly flushed: Position | undefined;
  remove(subscriber: HubSubscriber): void;
  regroup(subscriber: HubSubscriber): void;
}

/** A subscriber in a channel of the hub. */
export class HubSubscriber {
  readonly subscriber: Subscriber;
  readonly #channel: SubscribedChannel;
  /**
   * Position of the subscriber while it is not level with the channel; undefined while it is, and before the
   * start.
   */
  own: Position | undefined;
  /**
   * Send queue for shared bytes while the subscriber is in a shared group. Managed by the channel's
   * `SubscriberGroups`.
   */
  sendQueue: SendQueue | undefined;
  /**
   * List of the channel that contains the subscriber; undefined while it is not live. Managed by the channel's
   * `SubscriberGroups`.
   */
  list: HubSubscriber[] | undefined;
  index = 0;
  left = false;

  constructor(subscriber: Subscriber, channel: SubscribedChannel) {
    this.subscriber = subscriber;
    this.#channel = channel;
  }

  /** Position up to which entries were handed over; undefined before the start. */
  get position(): Position | undefined {
    return this.own ?? (this.list === undefined ? undefined : this.#channel.flushed);
  }

  /** Name, rule and log policy of the channel. */
  get resolved(): ResolvedChannel {
    return this.#channel.resolved;
  }

  /** True while the subscriber receives publications as they are published. */
  get isLive(): boolean {
    return this.list !== undefined;
  }

  /** Leaves the channel: nothing more is handed over. */
  leave(): void {
    if (this.left) return;
    this.left = true;
    this.#channel.remove(this);
  }

  /** Ends the subscription with its channel, after the channel's last entry `end` was handed over. */
  end(end: Publication): void {
    this.leave();
    this.subscriber.onEnd(end);
  }

  /**
   * Hands over `end` and ends the subscription if its position is the end of the channel. This serves a
   * subscriber that did not read the end entry: it resumed from that position, or the log has trimmed the
   * entry.
   */
  endIfThere(end: Publication | undefined): void {
    const { position } = this;
    if (this.left || end === undefined || position === undefined) return;
    if (formatPosition(position) !== formatPosition(end.position)) return;
    this.subscriber.onPublications([end], position);
    this.end(end);
  }

  /** Moves the subscriber to its group. Must be called when its `shared` has changed. */
  regroup(): void {
    this.#channel.regroup(this);
  }
}
