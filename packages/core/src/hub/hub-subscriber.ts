import { formatPosition, type Position, type Publication } from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { SendQueue } from "../send-queue/send-queue.ts";
import type { Encoder } from "../send-queue/transport.ts";
import { type Shown, wasShown } from "../store/shown-entries.ts";
import type { HubNumber } from "./channel-numbers.ts";
import type { SharedSubscriber, Subscriber } from "./subscriber.ts";

/** Part of a hub channel that its subscribers use. */
export interface SubscribedChannel {
  readonly resolved: ResolvedChannel;
  /**
   * Position up to which the channel has handed entries to its subscribers; undefined before its log was read.
   */
  readonly flushed: Position | undefined;
  remove(subscriber: HubSubscriber): void;
  regroup(subscriber: HubSubscriber): void;
  numberOf(entries: readonly Publication[]): HubNumber | undefined;
}

/** One subscriber of one hub channel, with its position. */
export class HubSubscriber {
  readonly subscriber: Subscriber;
  readonly #channel: SubscribedChannel;
  /**
   * Position of the subscriber while it is behind or ahead of the channel. Undefined while it is level with the
   * channel, and before its subscription starts.
   */
  own: Position | undefined;
  /**
   * Send queue that receives the shared bytes while the subscriber is in a shared group. Managed by the
   * channel's `SubscriberGroups`.
   */
  sendQueue: SendQueue | undefined;
  /**
   * List in which the channel keeps the subscriber; undefined while the subscriber is not live. Managed by the
   * channel's `SubscriberGroups`.
   */
  list: HubSubscriber[] | undefined;
  index = 0;
  /** Entries that the subscriber was shown during an outage, before they were in the log; undefined for most. */
  shown: Shown | undefined;
  left = false;
  /** Number of the channel's log that the client was told last. */
  told: HubNumber | undefined;

  constructor(subscriber: Subscriber, channel: SubscribedChannel) {
    this.subscriber = subscriber;
    this.#channel = channel;
  }

  /** Position up to which the subscriber has received entries; undefined before its subscription starts. */
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

  /** True if the subscriber was shown some of these entries before. */
  wasShownSome(entries: readonly Publication[]): boolean {
    return (
      this.shown !== undefined && entries.some(({ position }) => wasShown(position, this.shown))
    );
  }

  /**
   * Returns the number with which the encoder writes these entries in the short form; undefined for the long form. Tells
   * the client the number first if it does not know it.
   */
  tellNumber(
    entries: readonly Publication[],
    { encoder, sendQueue }: SharedSubscriber,
  ): HubNumber | undefined {
    const number = encoder.isShort === true ? this.#channel.numberOf(entries) : undefined;
    if (number !== undefined && this.told !== number) {
      this.told = number;
      sendQueue.push(number.introduction(encoder));
    }
    return number;
  }

  /** Encodes entries that are not shared, with the introduction of their number in front where the client needs it. */
  encode(
    entries: readonly Publication[],
    encoder: Encoder,
    cursorOf: (publication: Publication) => string,
  ): Uint8Array {
    const number = encoder.isShort === true ? this.#channel.numberOf(entries) : undefined;
    const bytes = encoder.encodeBatch(entries, cursorOf, number);
    if (number === undefined || this.told === number) return bytes;
    this.told = number;
    const introduction = number.introduction(encoder);
    const whole = new Uint8Array(introduction.length + bytes.length);
    whole.set(introduction);
    whole.set(bytes, introduction.length);
    return whole;
  }

  /** Delivers consecutive entries, which follow `before`, with a gap in place of those that it was shown before. */
  deliverRest(entries: readonly Publication[], before: Position): void {
    let from = before;
    for (let i = 0; i < entries.length && !this.left; ) {
      const isShown = this.#wasShown(entries[i]);
      let end = i + 1;
      while (end < entries.length && this.#wasShown(entries[end]) === isShown) end++;
      const run = entries.slice(i, end);
      const to = run.at(-1)?.position ?? from;
      if (isShown) this.subscriber.onGap(from, to, "shown");
      else this.subscriber.onPublications(run, from);
      from = to;
      i = end;
    }
  }

  #wasShown(entry: Publication | undefined): boolean {
    return entry !== undefined && wasShown(entry.position, this.shown);
  }

  /** Leaves the channel: the subscriber receives nothing more. */
  leave(): void {
    if (this.left) return;
    this.left = true;
    this.#channel.remove(this);
  }

  /**
   * Ends the subscription because the channel has ended. The subscriber must have received the channel's last
   * entry `end` before.
   */
  end(end: Publication): void {
    this.leave();
    this.subscriber.onEnd(end);
  }

  /**
   * Delivers `end` and ends the subscription if the subscriber's position is the end of the channel. A
   * subscriber reaches that position without the end entry if it resumed there, or if the log has trimmed the
   * entry.
   */
  endIfThere(end: Publication | undefined): void {
    const { position } = this;
    if (this.left || end === undefined || position === undefined) return;
    if (formatPosition(position) !== formatPosition(end.position)) return;
    this.subscriber.onPublications([end], position);
    this.end(end);
  }

  /** Moves the subscriber to the group of its encoder. Must be called when its `shared` has changed. */
  regroup(): void {
    this.#channel.regroup(this);
  }
}
