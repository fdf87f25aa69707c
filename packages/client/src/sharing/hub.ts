import { type ErrorCode, isRecord, type MessageId, MilepostError } from "@milepost/protocol";
import { SharedSubscription } from "../channel/shared-subscription.ts";
import { type SubscriptionLink, subscriptionLink } from "../channel/subscription-link.ts";
import type { Backoff } from "../connection/backoff.ts";
import { serviceError } from "../connection/service-error.ts";
import type { Call, Outcome } from "../request/call.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { type RawMessage, readFrame } from "../transport/server-frame.ts";
import type { TransportConnection } from "../transport/transport.ts";
import { HubMember, type MemberPort } from "./hub-member.ts";
import { type RelayedSubscribe, RelaySubscriber } from "./relay-subscriber.ts";

/** Limits when the gateway states none: size of a message in bytes, and subscriptions of a connection. */
const defaultMaxMessageBytes = 1_048_576;
const defaultMaxSubscriptions = 100;
/**
 * Time in which the gateway must answer a subscribe of the hub, in milliseconds. It is shorter than the wait of a
 * member, so that the hub asks again before a member gives up.
 */
const answerWithinMs = 20_000;

/** Parts that a hub is built from. */
export interface HubParts {
  readonly schedule: Schedule;
  readonly backoff: Backoff;
}

/** Message sent for a member, or for the hub itself, that the gateway has not answered yet. */
type Pending = MemberCall | Outcome;

interface MemberCall {
  readonly member: HubMember;
  readonly id: MessageId;
  readonly type: string;
  /** Channel that the message names, if it names one. */
  readonly channel: unknown;
}

/**
 * Shares one connection to the gateway among members, each a client of this tab or of another one.
 *
 * To a member the hub looks like a gateway. To the gateway it looks like one client: it subscribes to each
 * channel once for all members, and gives their messages ids of its own, so that each reply reaches the member
 * that asked. A member that joins a channel later makes the hub subscribe again from where that member is; the
 * others continue where they are. This is what a client does for its own subscribers, by the same code.
 */
export class Hub {
  readonly #connection: () => TransportConnection;
  readonly #schedule: Schedule;
  readonly #link: SubscriptionLink;
  readonly #members = new Set<HubMember>();
  readonly #channels = new Map<string, SharedSubscription>();
  readonly #changed = new Set<SharedSubscription>();
  /** Member that holds a durable subscriber, by channel. */
  readonly #holders = new Map<string, HubMember>();
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #welcome: string | undefined;
  #isProven = false;
  #maxMessageBytes = defaultMaxMessageBytes;
  #maxSubscriptions = defaultMaxSubscriptions;
  #outgoing: string[] = [];

  /** `connection` returns the shared connection; it is called once there is something to send. */
  constructor(parts: HubParts, connection: () => TransportConnection) {
    this.#connection = connection;
    this.#schedule = parts.schedule;
    this.#link = subscriptionLink(
      { ...parts, connection: { isUp: true } },
      (message, outcome) => this.#call(message, outcome),
      (channel) => this.#channels.delete(channel),
    );
  }

  /** Number of members. */
  get size(): number {
    return this.#members.size;
  }

  /** True once the gateway's welcome has arrived; only then a member may join. */
  get isReady(): boolean {
    return this.#welcome !== undefined;
  }

  /** True once the gateway has answered something over the connection. A welcome alone proves nothing. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** Adds a member and sends it the gateway's welcome. */
  join(port: MemberPort): HubMember {
    const member = new HubMember(port, {
      message: (sender, message) => this.#takeOf(sender, message),
      left: (leaver) => this.#remove(leaver),
    });
    this.#members.add(member);
    if (this.#welcome !== undefined) member.tell(this.#welcome);
    return member;
  }

  /** Takes a frame of the gateway. */
  onFrame(frame: unknown): void {
    for (const message of readFrame(frame, () => {})) this.#take(message);
  }

  #take(message: RawMessage): void {
    switch (message.type) {
      case "welcome":
        this.#onWelcome(message);
        break;
      case "reply":
        this.#onReply(message);
        break;
      case "pong":
        this.#answer(message.id, (pending) => ({ ...message, id: pending.id }));
        break;
      case "chunk": {
        const pending = this.#pending.get(Number(message.stream));
        if (pending !== undefined && "member" in pending) {
          pending.member.tell(JSON.stringify({ ...message, stream: pending.id }));
        }
        break;
      }
      case "ping":
        this.#send({ type: "pong" });
        break;
      case "notice":
        this.#onNotice(message);
        break;
      default:
        this.#onChannel(message);
    }
  }

  #onWelcome(message: RawMessage): void {
    const { max_message_bytes: bytes, max_subscriptions: subscriptions } = isRecord(message.limits)
      ? message.limits
      : {};
    if (typeof bytes === "number") this.#maxMessageBytes = bytes;
    if (typeof subscriptions === "number") this.#maxSubscriptions = subscriptions;
    this.#welcome = JSON.stringify(message);
    for (const member of this.#members) member.tell(this.#welcome);
  }

  /** A token belongs to one member: the one that opened the connection with it. */
  #onNotice(message: RawMessage): void {
    const text = JSON.stringify(message);
    for (const member of this.#members) {
      if (message.code !== "token_expiring" || member.port.isOwner) member.tell(text);
    }
    if (this.#welcome === undefined) return;
    // A member that joins later must learn of an outage that has begun, or is over, since the welcome.
    const { degraded: _, ...welcome } = JSON.parse(this.#welcome);
    if (message.code === "degraded") this.#welcome = JSON.stringify({ ...welcome, degraded: true });
    if (message.code === "restored") this.#welcome = JSON.stringify(welcome);
  }

  #onReply(message: RawMessage): void {
    const pending = this.#answer(message.id, ({ id }) => ({ ...message, id }));
    if (pending === undefined) return;
    if ("member" in pending) {
      const { member, type, channel } = pending;
      const isRefused = message.error !== undefined && type === "subscribe";
      if (isRefused) this.#release(member, String(channel));
      return;
    }
    if (message.error === undefined) pending.resolve(message.result);
    else pending.reject(serviceError(message.error));
  }

  /** Passes an answer to the member that waits for it. Returns what waited for it. */
  #answer(id: unknown, answer: (pending: MemberCall) => object): Pending | undefined {
    const pending = this.#pending.get(Number(id));
    if (pending === undefined) return undefined;
    this.#pending.delete(Number(id));
    this.#isProven = true;
    if ("member" in pending) {
      pending.member.calls.delete(pending.id);
      pending.member.tell(JSON.stringify(answer(pending)));
    }
    return pending;
  }

  #onChannel(message: RawMessage): void {
    const name = String(message.channel);
    const holder = this.#holders.get(name);
    if (holder !== undefined) {
      holder.tell(JSON.stringify(message));
      if (message.type === "end" || message.type === "unsubscribed") this.#release(holder, name);
      return;
    }
    this.#channels.get(name)?.take(message);
  }

  #takeOf(member: HubMember, message: RawMessage): void {
    switch (message.type) {
      case "subscribe":
        this.#subscribe(member, message as unknown as RelayedSubscribe);
        break;
      case "unsubscribe":
        this.#unsubscribe(member, message);
        break;
      case "cancel":
      case "chunk": {
        // Both name the request that they belong to; one that is over is ignored.
        const field = message.type === "cancel" ? "id" : "stream";
        const id = member.calls.get(message[field] as MessageId);
        if (id !== undefined) this.#send({ ...message, [field]: id });
        break;
      }
      case "pong":
        break;
      default:
        this.#forward(member, message);
    }
  }

  #subscribe(member: HubMember, ask: RelayedSubscribe): void {
    const name = ask.channel;
    if (member.subscriptions.has(name) || this.#holders.get(name) === member) {
      const says = `this connection already subscribes to ${name}`;
      member.refuse(ask.id, new MilepostError("already_subscribed", says));
      return;
    }
    const isRead = this.#channels.has(name);
    const isNew = !isRead && !this.#holders.has(name);
    if (isNew && this.#channels.size + this.#holders.size >= this.#maxSubscriptions) {
      if (member.channels < this.#maxSubscriptions) member.turnAway();
      else this.#forward(member, ask as unknown as RawMessage);
      return;
    }
    // A connection has one subscription to a channel. It cannot be both durable and not, or two durable ones.
    if (this.#holders.has(name) || (ask.as !== undefined && isRead)) {
      member.turnAway();
      return;
    }
    if (ask.as !== undefined) {
      this.#holders.set(name, member);
      member.durable.add(name);
      this.#forward(member, ask as unknown as RawMessage);
      return;
    }
    const channel = this.#channels.get(name) ?? new SharedSubscription(name, this.#link);
    this.#channels.set(name, channel);
    const subscriber = new RelaySubscriber(
      ask,
      (text) => member.tell(text),
      (gone) => {
        if (member.subscriptions.get(name) === gone) member.subscriptions.delete(name);
        channel.subscribers.delete(gone);
        this.#reconcile(channel);
      },
    );
    member.subscriptions.set(name, subscriber);
    channel.subscribers.add(subscriber);
    this.#reconcile(channel);
  }

  #unsubscribe(member: HubMember, message: RawMessage): void {
    const name = String(message.channel);
    const id = message.id as MessageId;
    if (this.#holders.get(name) === member) {
      this.#forward(member, message);
      this.#release(member, name);
      return;
    }
    const subscriber = member.subscriptions.get(name);
    if (subscriber === undefined) {
      const says = `this connection does not subscribe to ${name}`;
      member.refuse(id, new MilepostError("not_subscribed", says));
      return;
    }
    subscriber.close();
    member.tell(JSON.stringify({ type: "reply", id, result: { channel: name } }));
  }

  #release(member: HubMember, channel: string): void {
    member.durable.delete(channel);
    if (this.#holders.get(channel) === member) this.#holders.delete(channel);
  }

  /**
   * Brings the subscriptions at the gateway in line with the members one tick later, so that an unsubscribe and
   * a subscribe in one tick send nothing.
   */
  #reconcile(channel: SharedSubscription): void {
    if (this.#changed.size === 0) {
      queueMicrotask(() => {
        const changed = [...this.#changed];
        this.#changed.clear();
        for (const one of changed) one.reconcile();
      });
    }
    this.#changed.add(channel);
  }

  #remove(member: HubMember): void {
    if (!this.#members.delete(member)) return;
    for (const subscriber of [...member.subscriptions.values()]) subscriber.close();
    for (const channel of [...member.durable]) {
      this.#release(member, channel);
      this.#link.unsubscribe(channel);
    }
    for (const id of member.calls.values()) {
      const pending = this.#pending.get(id);
      if (pending !== undefined && "member" in pending && pending.type === "request") {
        this.#send({ type: "cancel", id });
      }
      this.#pending.delete(id);
    }
  }

  #forward(member: HubMember, message: RawMessage): void {
    const given = message.id as MessageId | undefined;
    if (given === undefined) {
      this.#send(message);
      return;
    }
    if (member.isBusy) {
      const says = "too many messages of this tab wait for an answer";
      member.refuse(given, new MilepostError("rate_limited" satisfies ErrorCode, says));
      return;
    }
    const id = ++this.#lastId;
    // The message itself may be large, and is not needed again.
    const { type, channel } = message;
    this.#pending.set(id, { member, id: given, type, channel });
    member.calls.set(given, id);
    this.#send({ ...message, id });
  }

  #call(message: Call, { resolve, reject }: Outcome): void {
    const id = ++this.#lastId;
    const cancel = this.#schedule.after(answerWithinMs, () => {
      this.#pending.delete(id);
      const says = `no answer to ${message.type} within ${answerWithinMs} ms`;
      reject(new MilepostError("timed_out", says));
    });
    this.#pending.set(id, {
      resolve(result) {
        cancel();
        resolve(result);
      },
      reject(error) {
        cancel();
        reject(error);
      },
    });
    this.#send({ ...message, id });
  }

  #send(message: object): void {
    if (this.#outgoing.length === 0) {
      queueMicrotask(() => {
        const messages = this.#outgoing;
        this.#outgoing = [];
        this.#connection().send(messages, this.#maxMessageBytes);
      });
    }
    this.#outgoing.push(JSON.stringify(message));
  }
}
