import {
  type GapReason,
  isRecord,
  MilepostError,
  type Position,
  type PresenceChange,
  type PresenceList,
  parsePosition,
  type Snapshot,
  type Subscribed,
} from "@milepost/protocol";
import type { Cancel } from "../runtime/clock.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import type { SinceOption } from "./channel.ts";
import type { Arrival, ChannelSubscriber } from "./channel-subscriber.ts";

/** What a channel on the wire needs of the rest of the client. */
export interface SubscriptionLink {
  readonly isUp: boolean;
  /** The outcome comes before anything that follows it on the wire. */
  subscribe(
    channel: string,
    since: SinceOption | undefined,
    wanted: {
      readonly events: readonly string[] | undefined;
      readonly presence: boolean;
      readonly summaryMs: number | undefined;
    },
    outcome: { resolve(result: unknown): void; reject(error: MilepostError): void },
  ): void;
  unsubscribe(channel: string): void;
  /** Nobody needs the channel any more, and the service has been told. */
  idle(channel: SharedSubscription): void;
  /** Runs `retry` after the wait that the error asks for, or a random one that grows with `failures`. */
  retryLater(error: MilepostError, failures: number, retry: () => void): Cancel;
}

/** A question under way: who joins with it; nobody when it takes up again what was broken off. */
interface Ask {
  readonly joiners: readonly ChannelSubscriber[];
  readonly presence: boolean;
}

/**
 * The one subscription that all subscribers of a channel share on the wire.
 *
 * The service allows one per channel and connection, and each subscriber may begin elsewhere. So a
 * subscriber that joins makes it subscribe anew from where that one begins; whoever was further along
 * drops what it knows, and when the answer begins further on than somebody is (a state at the head), it
 * subscribes once more from that position. Every question is asked in {@link reconcile}, one at a time.
 */
export class SharedSubscription {
  readonly name: string;
  readonly subscribers = new Set<ChannelSubscriber>();
  readonly #link: SubscriptionLink;
  #ask: Ask | undefined;
  #live = false;
  /** Whether the service holds, or may hold, a subscription. */
  #subscribed = false;
  /** Ends the wait to ask again after a refusal that may pass. */
  #waiting: Cancel | undefined;
  #failures = 0;
  /** Asking again for what a hole lacked did not bring it: on this connection holes are told at once. */
  #healsInVain = false;
  #position: string | undefined;
  /** The names asked for; undefined is all. */
  #filter: ReadonlySet<string> | undefined;
  /** Whether it was asked for who is there. */
  #presence = false;
  /** The period of summaries asked for; 0 is none. */
  #summaryMs = 0;
  /** Known after an answer to a fresh subscribe. */
  #hasState: boolean | undefined;

  constructor(name: string, wire: SubscriptionLink) {
    this.name = name;
    this.#link = wire;
  }

  /** Brings the wire in line with what the subscribers need; asks one question at most. */
  reconcile(): void {
    if (!this.#link.isUp) return;
    if (this.subscribers.size === 0) {
      if (this.#subscribed) this.#link.unsubscribe(this.name);
      this.#subscribed = false;
      this.#live = false;
      // An answer that is still to come is to nobody's question any more.
      this.#ask = undefined;
      this.#link.idle(this);
      return;
    }
    if (this.#ask !== undefined || this.#waiting !== undefined) return;
    const anchored = [...this.subscribers].filter((member) => !member.joining);
    const lagging = anchored.some((member) => member.behind);
    const asksOther = this.#wantsPresence() !== this.#presence;
    if (anchored.length > 0 && (lagging || asksOther || !this.#live)) {
      this.#resume(anchored);
      return;
    }
    const joining = [...this.subscribers].filter((member) => member.joining);
    // Who wants the state goes first: whoever begins at the head then joins without a question.
    const first = joining.find(({ options }) => options.since === undefined) ?? joining[0];
    if (first === undefined) return;
    if (this.#joinHere(first)) {
      this.reconcile();
      return;
    }
    const { since } = first.options;
    const alike = joining.filter((other) => sameSince(other.options.since, since));
    this.#send(since, alike);
  }

  down(): void {
    this.#ask = undefined;
    this.#live = false;
    this.#subscribed = false;
    this.#healsInVain = false;
    this.#waiting?.();
    this.#waiting = undefined;
    for (const member of this.subscribers) member.interrupt();
  }

  /** Takes an event, or the end, which fits in the same way: nothing before it may be missing. */
  onEvent(message: RawMessage): void {
    const position = readPosition(message.position);
    const end = message.type === "end" ? String(message.reason) : undefined;
    const name = end === undefined ? message.event : message.type;
    if (position === undefined || typeof name !== "string") return;
    const text = message.position as string;
    if (this.#ask === undefined) {
      this.#position = text;
      if (end !== undefined) this.#live = false;
    }
    const arrival: Arrival = {
      event: {
        channel: this.name,
        ...(typeof message.source === "string" && { source: message.source }),
        position: text,
        event: name,
        data: message.data,
        ts: typeof message.ts === "number" ? message.ts : 0,
      },
      position,
      since: readPosition(message.since),
      end,
    };
    for (const member of this.subscribers) {
      const isOut = member.joining || member.behind || (member.readsNothing && end === undefined);
      if (!isOut) this.#deliver(member, arrival, text);
    }
  }

  onPresence(message: RawMessage): void {
    const news = readPresence(message);
    if (news !== undefined) for (const member of this.subscribers) member.presence(news);
  }

  onGap(message: RawMessage): void {
    const to = readPosition(message.to);
    if (to === undefined) return;
    const reason = message.reason as GapReason;
    this.#position = message.to as string;
    for (const member of this.subscribers) {
      if (member.joining || member.behind || member.readsNothing) continue;
      if (member.fresh) member.gap(String(message.from), message.to as string, reason);
      else if (!member.isBeyond(to, reason)) member.gap(undefined, message.to as string, reason);
    }
  }

  onReset(message: RawMessage): void {
    const position = readPosition(message.position);
    if (position === undefined || !isRecord(message.snapshot)) return;
    const reason = message.reason as GapReason;
    this.#position = message.position as string;
    for (const member of this.subscribers) {
      if (member.joining || member.readsNothing || member.isBeyond(position, reason)) continue;
      member.reset(message.position as string, message.snapshot as unknown as Snapshot, reason);
    }
  }

  /** The service ended the subscription, and not the stream; one that is being asked for anew is answered itself. */
  onUnsubscribed({ reason }: RawMessage): void {
    if (this.#ask !== undefined) return;
    const message = `the service ended the subscription to ${this.name}`;
    const error = MilepostError.from({ code: String(reason), message, retryable: false });
    const subscribers = [...this.subscribers];
    this.subscribers.clear();
    this.#live = false;
    for (const member of subscribers) member.fail(error);
    this.reconcile();
  }

  #deliver(member: ChannelSubscriber, arrival: Arrival, text: string): void {
    const fit = member.readsNothing ? "next" : member.fit(arrival, this.#filter !== undefined);
    switch (fit) {
      case "known":
        if (arrival.end !== undefined) member.take(arrival);
        return;
      case "next":
        member.take(arrival);
        break;
      case "replaced":
        member.gap(undefined, text, member.announced ?? "tag_mismatch", false);
        member.take(arrival);
        break;
      case "other_epoch":
        member.gap(undefined, text, member.announced ?? "epoch_changed", false);
        member.take(arrival);
        break;
      case "hole":
        if (member.healing) this.#healsInVain = true;
        if (member.announced === undefined && !this.#healsInVain) {
          // It may have been lost on the way; asked for again, it comes, or the service says why not.
          member.healing = true;
          member.behind = true;
          this.reconcile();
          break;
        }
        member.gap(undefined, text, member.announced ?? "missing", false);
        member.take(arrival);
        return;
    }
  }

  /** Joins where the wire is, when that is what was asked for. */
  #joinHere(member: ChannelSubscriber): boolean {
    const { since, events, summaryMs = 0 } = member.options;
    const here = since === "now" || (since === undefined && this.#hasState === false);
    const covered =
      this.#filter === undefined || (events?.every((name) => this.#filter?.has(name)) ?? false);
    // Who is there must be told to somebody new, and is told with an answer.
    const lacks = member.options.presence && !member.isInformed;
    const isFine = this.#summaryMs <= summaryMs;
    if (!this.#live || !here || !covered || !isFine || lacks) return false;
    if (this.#position === undefined) return false;
    member.start({ channel: this.name, position: this.#position, recovered: false });
    return true;
  }

  /** From the least position anybody has; those who have more drop what they know. */
  #resume(anchored: readonly ChannelSubscriber[]): void {
    const reading = anchored.filter((member) => !member.readsNothing);
    const [first] = reading;
    let least = first;
    for (const member of reading) {
      const [a, b] = [member.anchor, least?.anchor];
      if (a !== undefined && b !== undefined && a.epoch === b.epoch && a.offset < b.offset) {
        least = member;
      }
    }
    this.#send(reading.length === 0 ? "now" : least?.position, []);
  }

  #wantsPresence(): boolean {
    return [...this.subscribers].some(({ options }) => options.presence);
  }

  #send(since: SinceOption | undefined, joiners: readonly ChannelSubscriber[]): void {
    if (this.#subscribed) this.#link.unsubscribe(this.name);
    const presence = this.#wantsPresence();
    const ask: Ask = { joiners, presence };
    this.#ask = ask;
    this.#presence = presence;
    this.#live = false;
    this.#subscribed = true;
    this.#filter = unionOfFilters(this.subscribers);
    const events = this.#filter === undefined ? undefined : [...this.#filter];
    this.#summaryMs = finestSummary(this.subscribers);
    const summaryMs = this.#summaryMs || undefined;
    this.#link.subscribe(
      this.name,
      since,
      { events, presence, summaryMs },
      {
        resolve: (result) => {
          if (this.#ask === ask) this.#answered(ask, readSubscribed(this.name, result), since);
        },
        reject: (error) => {
          if (this.#ask === ask) this.#refused(ask, error);
        },
      },
    );
  }

  #answered(ask: Ask, subscribed: Subscribed, since: SinceOption | undefined): void {
    this.#ask = undefined;
    this.#live = true;
    this.#failures = 0;
    this.#position = subscribed.position;
    if (since === undefined) this.#hasState = subscribed.snapshot !== undefined;
    const present = [...this.subscribers];
    for (const member of present) {
      if (ask.joiners.includes(member)) member.start(subscribed);
      else if (member.joining) continue;
      else if (ask.joiners.length > 0) this.#passed(member, subscribed);
      else this.#continue(member, subscribed);
    }
    const { presence } = subscribed;
    if (presence !== undefined) for (const member of present) member.presence(presence);
    this.reconcile();
  }

  /** Somebody else joined: those who are already in go on, or lack what the answer has passed. */
  #passed(member: ChannelSubscriber, { position }: Subscribed): void {
    const begins = readPosition(position);
    const { anchor } = member;
    const contiguous =
      begins !== undefined &&
      anchor !== undefined &&
      begins.epoch === anchor.epoch &&
      begins.offset <= anchor.offset;
    member.fresh = false;
    member.behind = !contiguous && !member.readsNothing;
  }

  #continue(member: ChannelSubscriber, subscribed: Subscribed): void {
    const { recovered, snapshot, reason = "trimmed", position } = subscribed;
    const begins = readPosition(position);
    if (member.readsNothing) {
      member.resumed();
      return;
    }
    if (recovered || snapshot === undefined) {
      member.resumed(recovered ? undefined : reason);
      return;
    }
    if (begins !== undefined && member.isBeyond(begins, reason)) {
      member.resumed();
      return;
    }
    member.reset(position, snapshot, reason);
  }

  /** Who is told that the service refuses. */
  #concerned({ joiners, presence }: Ask, { code }: MilepostError): readonly ChannelSubscriber[] {
    const all = [...this.subscribers];
    // The channel is there for those who do not want to be present.
    if (presence && code === "not_supported") return all.filter(({ options }) => options.presence);
    return joiners.length > 0 ? joiners : all.filter((member) => !member.joining);
  }

  #refused(ask: Ask, error: MilepostError): void {
    this.#ask = undefined;
    // One that was not answered in time may have been done.
    this.#subscribed = error.code === "timed_out" || error.code === "already_subscribed";
    if (error.retryable || (error.code === "already_subscribed" && this.#failures === 0)) {
      this.#failures++;
      for (const member of this.subscribers) member.interrupt();
      this.#waiting = this.#link.retryLater(error, this.#failures, () => {
        this.#waiting = undefined;
        this.reconcile();
      });
      return;
    }
    const concerned = this.#concerned(ask, error);
    for (const member of concerned) {
      this.subscribers.delete(member);
      member.fail(error);
    }
    this.reconcile();
  }
}

function sameSince(a: SinceOption | undefined, b: SinceOption | undefined): boolean {
  if (typeof a === "object" && typeof b === "object") return a.last === b.last;
  return a === b;
}

function unionOfFilters(subscribers: Iterable<ChannelSubscriber>): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const { options } of subscribers) {
    if (options.events === undefined) return undefined;
    for (const name of options.events) names.add(name);
  }
  // The service takes no empty list; a reserved name is that of no event.
  if (names.size === 0) names.add("presence");
  return names.size > maxFilterNames ? undefined : names;
}

function finestSummary(subscribers: Iterable<ChannelSubscriber>): number {
  let finest = Number.POSITIVE_INFINITY;
  for (const { options, readsNothing } of subscribers) {
    if (!readsNothing) finest = Math.min(finest, options.summaryMs ?? 0);
  }
  return Number.isFinite(finest) ? finest : 0;
}

/** The most names the service takes; with more, it sends all and the client filters. */
const maxFilterNames = 64;

function readPosition(text: unknown): Position | undefined {
  const position = parsePosition(text);
  return position.ok ? position.value : undefined;
}

function readSubscribed(channel: string, result: unknown): Subscribed {
  const { position, recovered, reason, snapshot, presence } = isRecord(result) ? result : {};
  const list = readPresence(presence);
  return {
    channel,
    position: typeof position === "string" ? position : "",
    recovered: recovered === true,
    ...(typeof reason === "string" && { reason: reason as GapReason }),
    ...(isRecord(snapshot) && { snapshot: snapshot as unknown as Snapshot }),
    ...(list !== undefined && { presence: list as PresenceList }),
  };
}

/** Who is there, when it looks like it. */
function readPresence(value: unknown): PresenceList | PresenceChange | undefined {
  const looksRight = isRecord(value) && typeof value.epoch === "string" && "version" in value;
  return looksRight ? (value as unknown as PresenceList | PresenceChange) : undefined;
}
