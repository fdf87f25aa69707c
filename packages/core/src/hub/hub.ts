import type { Bus } from "@milepost/engine";
import type { Position, Publication, Since } from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { shownEntry } from "../store/shown-publishers.ts";
import type { HeldEntries } from "../store/stale-reads.ts";
import type { ChannelContext, HubContext } from "./channel-context.ts";
import { ChannelNumbers } from "./channel-numbers.ts";
import { EncodedPages } from "./encoded-pages.ts";
import { HubChannel } from "./hub-channel.ts";
import { HubSubscriber } from "./hub-subscriber.ts";
import { join } from "./join.ts";
import { RecentBudget } from "./recent-budget.ts";
import type { Subscriber } from "./subscriber.ts";

/**
 * Interval between comparisons of every channel with its log, in milliseconds. A busy channel is compared too:
 * this costs a single read, and a channel that fell silent just before the comparison need not wait for the
 * next.
 */
export const positionCheckMs = 25_000;

const checksAtOnce = 32;

/** Channel that has readers on this node. */
export interface OpenChannel {
  readonly channel: string;
  readonly readers: number;
  /** Newest position that is known here. */
  readonly last: Position | undefined;
}

/** Hub of one node: it passes publications from the bus to the subscribers of their channels on this node. */
export class Hub {
  readonly #bus: Bus;
  readonly #wheel: TimerWheel;
  readonly #context: ChannelContext;
  readonly #channels = new Map<string, HubChannel>();
  readonly #detaching = new Map<string, Promise<void>>();
  readonly #sweep = new Sweep(() => this.#check());
  /** True if entries may have been lost since the comparison in progress began. */
  #disrupted = false;
  #closed = false;

  constructor(bus: Bus, wheel: TimerWheel, context: HubContext) {
    this.#bus = bus;
    this.#wheel = wheel;
    this.#context = {
      ...context,
      recentBudget: new RecentBudget(),
      pages: new EncodedPages(),
      numbers: new ChannelNumbers(),
    };
    bus.listen(
      (publication) => this.#receive(publication),
      () => this.#checkNow(),
    );
  }

  /** Number of channels that have subscribers. */
  get channelCount(): number {
    let count = 0;
    for (const channel of this.#channels.values()) if (!channel.isUnused) count++;
    return count;
  }

  /** Yields the channels that have subscribers here. */
  *open(): Generator<OpenChannel> {
    for (const [channel, { readers, last }] of this.#channels) {
      if (readers > 0) yield { channel, readers, last };
    }
  }

  /** Returns the number of subscribers of a channel here. */
  readersOf(name: string): number {
    return this.#channels.get(name)?.readers ?? 0;
  }

  /** Approximate number of characters that the recent entries of all channels take. */
  get recentLength(): number {
    return this.#context.recentBudget.length;
  }

  /** Returns what this node holds of a channel; undefined if it does not watch the channel. */
  held(name: string): HeldEntries | undefined {
    return this.#channels.get(name)?.held;
  }

  /** Subscribes to a channel. The subscriber's `onStart` or `onFailed` is called once the start is known. */
  join(resolved: ResolvedChannel, subscriber: Subscriber, since?: Since): HubSubscriber {
    const channel = this.#channel(resolved);
    const hubSubscriber = new HubSubscriber(subscriber, channel);
    void join(channel, hubSubscriber, since, this.#context, this.#wheel);
    return hubSubscriber;
  }

  /**
   * Compares a channel with its log now, for a caller that knows the log has changed. Does nothing for a
   * channel without subscribers here.
   */
  async check(name: string): Promise<void> {
    await this.#channels.get(name)?.check();
  }

  close(): void {
    this.#closed = true;
    this.#wheel.clear(this.#sweep);
    for (const channel of this.#channels.values()) channel.release();
    this.#channels.clear();
    this.#context.pages.clear();
  }

  /**
   * Schedules a comparison of every channel with its log as soon as possible, since the bus may have lost
   * entries.
   */
  #checkNow(): void {
    if (this.#sweep.dueAt === undefined) this.#disrupted = true;
    else this.#wheel.set(this.#sweep, 0);
  }

  #receive(publication: Publication): void {
    const channel = this.#channels.get(publication.channel);
    channel?.receive(shownEntry(publication, channel.resolved.policy));
  }

  #channel(resolved: ResolvedChannel): HubChannel {
    const { name } = resolved;
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const attached = this.#attach(resolved);
    const channel = new HubChannel(resolved, attached, this.#context);
    this.#channels.set(name, channel);
    attached.then(
      () => channel.onAttached(),
      () => {
        if (this.#channels.get(name) === channel) this.#channels.delete(name);
      },
    );
    if (this.#sweep.dueAt === undefined && !this.#closed) {
      this.#wheel.set(this.#sweep, positionCheckMs);
    }
    return channel;
  }

  #attach({ name, policy }: ResolvedChannel): Promise<void> {
    const detached = this.#detaching.get(name);
    if (detached === undefined) return this.#bus.subscribe(name, policy);
    return detached.then(() => this.#bus.subscribe(name, policy));
  }

  #detach(channel: HubChannel): void {
    const { name, policy } = channel.resolved;
    channel.release();
    this.#channels.delete(name);
    const detached = this.#bus.unsubscribe(name, policy).catch(this.#context.onError);
    this.#detaching.set(name, detached);
    void detached.then(() => {
      if (this.#detaching.get(name) === detached) this.#detaching.delete(name);
    });
  }

  /**
   * Releases the channels without subscribers, and compares the others with their logs for entries that the bus
   * lost.
   */
  async #check(): Promise<void> {
    try {
      const used: HubChannel[] = [];
      for (const channel of this.#channels.values()) {
        if (channel.isUnused) this.#detach(channel);
        else used.push(channel);
      }
      this.#context.pages.age();
      const { isCut } = this.#context;
      for (let i = 0; i < used.length && !this.#closed && !isCut(); i += checksAtOnce) {
        const checks = used.slice(i, i + checksAtOnce).map((channel) => channel.check());
        for (const { status, ...outcome } of await Promise.allSettled(checks)) {
          if (status === "rejected" && "reason" in outcome) this.#context.onError(outcome.reason);
        }
      }
    } finally {
      if (this.#channels.size === 0) this.#context.pages.clear();
      else if (!this.#closed) {
        this.#wheel.set(this.#sweep, this.#disrupted ? 0 : positionCheckMs);
      }
      this.#disrupted = false;
    }
  }
}

class Sweep extends Deadline {
  readonly #run: () => Promise<void>;

  constructor(run: () => Promise<void>) {
    super();
    this.#run = run;
  }

  override onDue(): void {
    void this.#run();
  }
}
