import {
  definedFields,
  formatPosition,
  type GapReason,
  type MilepostError,
  type PresenceChange,
  type PresenceList,
  pendingPosition,
  type Snapshot,
  type Subscribed,
  type SubscribeMessage,
} from "@milepost/protocol";
import type { SinceOption } from "../channel/channel.ts";
import { type Arrival, ChannelSubscriber } from "../channel/channel-subscriber.ts";
import { Reporter } from "../runtime/reporter.ts";

/** Texts of the messages for arrivals, so that one arrival is encoded once for all its subscribers. */
const texts = new WeakMap<Arrival, string>();
const silent = new Reporter(() => {});

/** Subscribe message of a client; its position is opaque text here. */
export interface RelayedSubscribe extends Omit<SubscribeMessage, "since"> {
  readonly since?: SinceOption;
}

/**
 * Subscription of another tab. It decides like a subscriber of this tab what comes next, and hands that over as
 * the gateway's messages to a connection with this one subscription.
 */
export class RelaySubscriber extends ChannelSubscriber {
  readonly #id: SubscribeMessage["id"];
  readonly #tell: (text: string) => void;
  readonly #onOver: (subscriber: ChannelSubscriber) => void;
  #isAnswered = false;

  /** `onOver` is called when the subscription is over: closed, ended or failed. */
  constructor(
    { id, channel, since, events, presence, summary_ms }: RelayedSubscribe,
    tell: (text: string) => void,
    onOver: (subscriber: ChannelSubscriber) => void,
  ) {
    const wants = { since, events, presence: presence === true, summaryMs: summary_ms };
    super(channel, {}, wants, silent, onOver);
    this.#id = id;
    this.#tell = tell;
    this.#onOver = onOver;
  }

  override start(subscribed: Subscribed): void {
    super.start(subscribed);
    this.#answer(subscribed);
  }

  override wait(): void {
    const isNews = this.state !== "pending";
    super.wait();
    const { channel } = this;
    if (isNews)
      this.#answer({
        channel,
        position: formatPosition(pendingPosition),
        recovered: false,
        pending: true,
      });
  }

  override resumed(announced?: GapReason): void {
    const wasPending = this.state === "pending";
    super.resumed(announced);
    const { channel, position = "" } = this;
    const recovered = announced === undefined;
    if (wasPending)
      this.#answer({ channel, position, recovered, ...definedFields({ reason: announced }) });
  }

  override take(arrival: Arrival): void {
    super.take(arrival);
    const { events } = this.options;
    const isWanted = arrival.end !== undefined || (events?.includes(arrival.event.event) ?? true);
    if (!isWanted) return;
    const text = texts.get(arrival) ?? textOf(arrival);
    texts.set(arrival, text);
    this.#tell(text);
  }

  override gap(
    from: string | undefined,
    to: string,
    reason: GapReason | "missing",
    moves = true,
  ): void {
    const start = from ?? this.position ?? to;
    super.gap(from, to, reason, moves);
    // The entry that follows such a gap lies at `to`. The other tab finds the gap in front of it by itself.
    if (moves) this.#say({ type: "gap", channel: this.channel, from: start, to, reason });
  }

  override reset(position: string, snapshot: Snapshot, reason: GapReason): void {
    const { channel, state } = this;
    super.reset(position, snapshot, reason);
    if (state === "pending")
      this.#answer({ channel, position, recovered: false, reason, snapshot });
    else this.#say({ type: "reset", channel, position, snapshot, reason });
  }

  override presence(news: PresenceList | PresenceChange): void {
    super.presence(news);
    if (this.options.presence) this.#say({ ...news, type: "presence", channel: this.channel });
  }

  override fail(error: MilepostError): void {
    const { channel, isOver } = this;
    super.fail(error);
    if (isOver) return;
    this.#onOver(this);
    if (!this.#isAnswered) this.#say({ type: "reply", id: this.#id, error: error.toFailure() });
    else {
      const position = this.position ?? "";
      this.#say({ type: "unsubscribed", channel, position, reason: error.code });
    }
  }

  /** Answers the subscribe, or tells what has become of the subscription since. */
  #answer(subscribed: Subscribed): void {
    if (this.#isAnswered) this.#say({ type: "subscribed", ...subscribed });
    else this.#say({ type: "reply", id: this.#id, result: subscribed });
    this.#isAnswered = true;
  }

  #say(message: object): void {
    this.#tell(JSON.stringify(message));
  }
}

function textOf({ event, since, end }: Arrival): string {
  const { channel, position } = event;
  if (end !== undefined) return JSON.stringify({ type: "end", channel, position, reason: end });
  const covers = since === undefined ? {} : { since: formatPosition(since) };
  return JSON.stringify({ type: "event", ...event, ...covers });
}
