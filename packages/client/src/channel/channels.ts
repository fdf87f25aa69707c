import type { MilepostError } from "@milepost/protocol";
import type { Backoff } from "../connection/backoff.ts";
import type { Requests } from "../request/requests.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import type { ChannelHandlers, SubscribeOptions, Subscription } from "./channel.ts";
import { ChannelSubscriber } from "./channel-subscriber.ts";
import type { Claimant } from "./claimant.ts";
import { SharedSubscription } from "./shared-subscription.ts";
import { type SubscriptionLink, subscriptionLink } from "./subscription-link.ts";

/** Parts of the client that the channels use. */
export interface ChannelsParts {
  readonly requests: Requests;
  readonly schedule: Schedule;
  readonly backoff: Backoff;
  readonly reporter: Reporter;
  readonly connection: { readonly isUp: boolean };
  /** Returns the error that new subscribers fail with; undefined while the client is not closed. */
  closedWith(): MilepostError | undefined;
}

/** All channels with subscribers, each with its one shared subscription. */
export class Channels {
  readonly #byName = new Map<string, SharedSubscription>();
  readonly #changed = new Set<SharedSubscription>();
  /**
   * Claims on channels by parts of the client outside the core, such as durable subscribers, by channel name.
   */
  readonly claims = new Map<string, Claimant>();
  readonly parts: ChannelsParts;
  readonly #link: SubscriptionLink;

  constructor(parts: ChannelsParts) {
    this.parts = parts;
    this.#link = subscriptionLink(
      parts,
      (message, outcome) => parts.requests.start(message, {}, outcome),
      (channel) => this.#forget(channel),
    );
  }

  /**
   * Adds a subscriber to a channel and returns its handle. The subscriber fails with `already_subscribed` while
   * another part of the client, such as a durable subscriber, has claimed the channel.
   */
  subscribe(name: string, handlers: ChannelHandlers, options: SubscribeOptions = {}): Subscription {
    const channel = this.#byName.get(name) ?? new SharedSubscription(name, this.#link);
    this.#byName.set(name, channel);
    const { since, events, presence = false, summaryMs } = options;
    const wants = { since, events, presence, summaryMs };
    const subscriber = new ChannelSubscriber(name, handlers, wants, this.parts.reporter, (gone) => {
      channel.subscribers.delete(gone);
      this.#reconcile(channel);
    });
    channel.subscribers.add(subscriber);
    this.#reconcile(channel);
    return subscriber;
  }

  /** Returns true while the channel has a subscriber that was added with `subscribe`. */
  reads(name: string): boolean {
    return this.#byName.has(name);
  }

  up(): void {
    for (const claimant of this.claims.values()) claimant.onUp();
    for (const channel of this.#byName.values()) channel.reconcile();
  }

  down(): void {
    for (const claimant of this.claims.values()) claimant.onDown();
    for (const channel of this.#byName.values()) {
      channel.down();
      this.#forget(channel.name);
    }
  }

  /** Fails all subscribers and claimants with `error`, after the client was closed. */
  closed(error: MilepostError): void {
    for (const claimant of [...this.claims.values()]) claimant.onClosed(error);
    const subscribers = [...this.#byName.values()].flatMap((channel) => [...channel.subscribers]);
    this.#byName.clear();
    queueMicrotask(() => {
      for (const subscriber of subscribers) subscriber.fail(error);
    });
  }

  /**
   * Passes a message about a channel to the channel's claimant and subscribers. A message about another channel
   * is ignored.
   */
  take(message: RawMessage): void {
    const name = String(message.channel);
    this.claims.get(name)?.onMessage(message);
    this.#byName.get(name)?.take(message);
  }

  /**
   * Updates the channel's subscription at the gateway one tick later. An unsubscribe and a subscribe in one
   * tick (React's StrictMode) therefore send nothing.
   */
  #reconcile(channel: SharedSubscription): void {
    if (this.#changed.size === 0) queueMicrotask(() => this.#reconcileChanged());
    this.#changed.add(channel);
  }

  #reconcileChanged(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const channel of changed) {
      const error = this.claims.get(channel.name)?.taken ?? this.parts.closedWith();
      if (error !== undefined) for (const subscriber of channel.subscribers) subscriber.fail(error);
      if (error !== undefined) channel.subscribers.clear();
      channel.reconcile();
      if (!this.parts.connection.isUp) this.#forget(channel.name);
    }
  }

  #forget(name: string): void {
    if (this.#byName.get(name)?.subscribers.size === 0) this.#byName.delete(name);
  }
}
