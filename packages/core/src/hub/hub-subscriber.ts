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

/** A reader in a channel. */
export class HubSubscriber {
  readonly subscriber: Subscriber;
  readonly #channel: SubscribedChannel;
  /** Its own position while it is not level with the channel; undefined before it started. */
  own: Position | undefined;
  /** Where shared bytes go while it stands in a shared list; the channel's. */
  sendQueue: SendQueue | undefined;
  /** The list of the channel it stands in; the channel's. */
  list: HubSubscriber[] | undefined;
  index = 0;
  left = false;

  constructor(reader: Subscriber, channel: SubscribedChannel) {
    this.subscriber = reader;
    this.#channel = channel;
  }

  /** The position up to which entries were handed over; undefined before the start. */
  get position(): Position | undefined {
    return this.own ?? (this.list === undefined ? undefined : this.#channel.flushed);
  }

  /** What holds for the channel. */
  get resolved(): ResolvedChannel {
    return this.#channel.resolved;
  }

  /** Whether it gets what is published as it is published. */
  get isLive(): boolean {
    return this.list !== undefined;
  }

  /** Ends it: nothing is handed over any more. */
  leave(): void {
    if (this.left) return;
    this.left = true;
    this.#channel.remove(this);
  }

  /** Ends it with the channel, whose last entry it was given. */
  end(end: Publication): void {
    this.leave();
    this.subscriber.onEnd(end);
  }

  /** Ends it if it stands where its channel ended, without having been given that: it was told before, or the entry is trimmed. */
  endIfThere(end: Publication | undefined): void {
    const { position } = this;
    if (this.left || end === undefined || position === undefined) return;
    if (formatPosition(position) !== formatPosition(end.position)) return;
    this.subscriber.onPublications([end], position);
    this.end(end);
  }

  /** Must be called when what the reader shares has changed. */
  regroup(): void {
    this.#channel.regroup(this);
  }
}
