import { isLocal, type LogSlice } from "@milepost/engine";
import {
  endEvent,
  type GapReason,
  origin,
  type Position,
  type Publication,
} from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import { SharedCall } from "../runtime/shared-call.ts";
import { batchesOf, isFullBatch } from "../send-queue/batches.ts";
import type { Flushable } from "../send-queue/ticker.ts";
import { shownAt } from "../store/shown-entries.ts";
import type { HeldEntries } from "../store/stale-reads.ts";
import type { ChannelContext } from "./channel-context.ts";
import type { HubNumber } from "./channel-numbers.ts";
import type { HubSubscriber, SubscribedChannel } from "./hub-subscriber.ts";
import { catchUpAgain, type JoinedChannel } from "./join.ts";
import { RecentEntries } from "./recent-entries.ts";
import { breakOf, type ChannelState, type Recovery, recover, type Start } from "./recovery.ts";
import { Reset } from "./reset.ts";
import { type DivergingChannel, SubscriberGroups } from "./subscriber-groups.ts";

/**
 * Newest position that this node has received, and the part of the log that begins with the entry at that
 * position.
 */
interface Tail {
  readonly newest: Position;
  readonly slice: LogSlice;
}

const page = 500;
const incomingLimit = 10_000;
const retryMs = 1_000;
const none: readonly never[] = [];
const isAttached = Promise.resolve();

/**
 * One channel on one node: its subscribers, and the batch of publications of the current tick.
 *
 * A subscriber is level with the channel when it has received everything that the channel has handed out. Level
 * subscribers have no position of their own: the channel pushes each batch into their send queues. An entry
 * that arrives must continue the one before it. Missing entries are read from the log before any later entry is
 * sent. If the log has lost them too, the channel reports a gap or a reset.
 */
export class HubChannel implements Flushable, SubscribedChannel, JoinedChannel, DivergingChannel {
  readonly resolved: ResolvedChannel;
  /** Resolves once the bus delivers the channel's publications to this node; rejects if it cannot. */
  attached: Promise<void>;
  scheduled = false;
  readonly #context: ChannelContext;
  readonly #groups = new SubscriberGroups(this);
  #recent: RecentEntries | undefined;
  #tail: SharedCall<Tail | undefined> | undefined;
  #joiners = 0;
  /** Newest position received; undefined until the log was read once. */
  #last: Position | undefined;
  #flushed: Position | undefined;
  /**
   * Last position in the store's log before the node continued the channel with a local log during an outage;
   * undefined otherwise.
   */
  #left: Position | undefined;
  #batch: Publication[] | undefined;
  /** Characters of data in the batch; counted only where the rule has a `batchMs` window. */
  #batchLength = 0;
  /** Publications that arrived while missing entries are read, or before the first read of the log. */
  #incoming: Publication[] | undefined;
  /**
   * Offset of the newest entry read from the log. Publications that the bus delivers later are dropped up to
   * this offset, unless their tag shows that they are other entries.
   */
  #readUpTo = 0;
  #healing: Promise<void> | undefined;
  /** Number of the channel's log in the short form; undefined until a publication was sent in it. */
  #number: HubNumber | undefined;

  constructor(resolved: ResolvedChannel, attached: Promise<void>, context: ChannelContext) {
    this.resolved = resolved;
    this.attached = attached;
    this.#context = context;
  }

  /** Must be called once `attached` has resolved: a promise of its own would stay for the life of the channel. */
  onAttached(): void {
    this.attached = isAttached;
  }

  /** Position up to which the channel has handed entries to its subscribers. */
  get flushed(): Position | undefined {
    return this.#flushed;
  }

  get last(): Position | undefined {
    return this.#last;
  }

  /**
   * Entries of the store's log that the channel holds, with the position after them. Undefined before the log was
   * read, and while the node continues the channel with a local log.
   */
  get held(): HeldEntries | undefined {
    const last = this.#last;
    if (last === undefined || isLocal(last)) return undefined;
    return { last, entries: this.#recent?.all ?? none };
  }

  /** Number of subscribers, those that are joining included. */
  get readers(): number {
    return this.#joiners + this.#groups.size;
  }

  get isUnused(): boolean {
    return this.#joiners === 0 && this.#groups.size === 0;
  }

  /**
   * Accepts a publication from the bus: adds it to the batch, drops it if it is a repetition, or reads the log
   * if it does not directly follow the last publication.
   */
  receive(publication: Publication): void {
    if (this.#last === undefined || this.#healing !== undefined) {
      if (this.#last === undefined && this.#joiners === 0) return;
      this.#keep(publication);
      return;
    }
    if (this.#continues(publication)) {
      this.#accept(publication);
      return;
    }
    const { epoch, offset, tag } = publication.position;
    if (epoch === this.#last.epoch && offset <= this.#readUpTo) {
      const known = offset === this.#last.offset ? this.#last : this.#recent?.at(offset)?.position;
      // The log had another entry at this offset, so it has lost its tail.
      if (known === undefined || tag === known.tag) return;
    }
    if (this.isUnused) {
      this.#forget();
      return;
    }
    this.#keep(publication);
    void this.heal();
  }

  /** Hands out the batch of this tick to the subscribers. */
  flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    let before = this.#flushed;
    this.#flushed = this.#last;
    const { instruments, ticker, deliverySpans } = this.#context;
    const delivered = batch.length * this.#groups.size;
    if (deliverySpans !== undefined) deliverySpans.begin(batch, this.#groups.size);
    instruments.deliveries.add(delivered);
    instruments.messagesSent.add(delivered);
    const [first] = batch;
    if (first !== undefined && delivered > 0) ticker.delivers(first.ts);
    for (const part of batchesOf(batch)) {
      const last = part.at(-1)?.position;
      // Every level subscriber has a position before this batch, at least the one at which it started.
      this.#groups.give(part, before ?? origin(last?.epoch ?? ""));
      before = last;
    }
    const end = batch.at(-1);
    if (end?.event === endEvent)
      for (const hubSubscriber of this.#groups.level()) hubSubscriber.end(end);
  }

  beginJoin(): void {
    this.#joiners++;
  }

  endJoin(): void {
    this.#joiners--;
  }

  /**
   * Starts the channel at `head`, the position up to which the log was read. From then on, publications from
   * the bus must continue that position. A channel that has already started keeps its position.
   */
  seed({ head, entries }: Pick<Start, "head" | "entries">): void {
    const isFirst = this.#last === undefined;
    if (isFirst) {
      this.#last = head;
      this.#flushed = head;
      this.#readUpTo = head.offset;
    }
    this.#remember(entries);
    if (isFirst) this.#takeIncoming(0);
  }

  /**
   * True if the log contradicts the channel: `head` was read after the channel had reached `before`, so the log
   * has lost its tail or has begun again.
   */
  isDenied(before: Position | undefined, head: Position): boolean {
    if (before === undefined) return false;
    if (before.epoch !== head.epoch || before.offset > head.offset) return true;
    return before.offset === head.offset && before.tag !== head.tag;
  }

  /**
   * Resolves to the start of a subscriber that resumes at `position`, when this node holds every entry after
   * it. The log is then read only to check that it still has the node's newest entry; subscribers that ask at
   * the same time share that read. Resolves to undefined when the log must be read for this subscriber.
   */
  async resume(position: Position): Promise<Start | undefined> {
    if (this.#since(position) === undefined) return undefined;
    this.#tail ??= new SharedCall(() => this.#checkTail());
    const tail = await this.#tail.run();
    if (tail === undefined) return undefined;
    const { newest, slice } = tail;
    if (breakOf(newest, slice, Number.POSITIVE_INFINITY) !== undefined) {
      // The log does not continue the channel's newest entry, so the channel reads its log for its level
      // subscribers too.
      if (samePlace(this.#last, newest)) void this.heal();
      return undefined;
    }
    const { head, floor, end } = slice;
    const isKept = position.epoch === head.epoch && position.offset >= floor.offset;
    if (!isKept || head.offset - position.offset > this.#context.maxReplayEntries) return undefined;
    // Entries after `newest` come from the log's answer. Entries up to it are those that the channel still has.
    const known = this.#since(position)?.filter(
      ({ position: { offset } }) => offset <= newest.offset,
    );
    if (known === undefined || !samePlace(known.at(-1)?.position ?? position, newest))
      return undefined;
    const rest = slice.entries.filter(({ position: { offset } }) => offset > newest.offset);
    return {
      position,
      recovered: true,
      entries: rest.length === 0 ? known : [...known, ...rest],
      head,
      ...(end === undefined ? {} : { end }),
    };
  }

  /**
   * Returns the entries that a subscriber at `position` lacks to be level with the channel, possibly none.
   * Returns undefined when the log must be read for it.
   */
  missing(position: Position): readonly Publication[] | undefined {
    this.flush();
    const last = this.#last;
    if (last === undefined || last.epoch !== position.epoch) return undefined;
    if (position.offset > last.offset) return [];
    return this.#since(position);
  }

  /**
   * Makes a subscriber live once it lacks no entries: as level with the channel, or as ahead of it if it has
   * read further in the log.
   */
  place(hubSubscriber: HubSubscriber): void {
    const { own } = hubSubscriber;
    const last = this.#last;
    if (own !== undefined && last !== undefined && own.offset > last.offset) {
      this.#groups.addAhead(hubSubscriber);
    } else this.#groups.addLevel(hubSubscriber);
  }

  /**
   * Returns the number of the log that these entries are of, for their short form. Returns undefined for entries of a log
   * that the channel has left.
   */
  numberOf(entries: readonly Publication[]): HubNumber | undefined {
    const [first] = entries;
    const known = this.#number;
    const epoch = first?.position.epoch;
    if (first === undefined || known?.epoch === epoch) return known;
    if (epoch === undefined || epoch !== this.#last?.epoch) return undefined;
    const { numbers } = this.#context;
    this.#number = numbers.take(this.resolved.name, epoch, first.ts);
    if (known !== undefined) numbers.release(known);
    return this.#number;
  }

  regroup(hubSubscriber: HubSubscriber): void {
    this.#groups.regroup(hubSubscriber);
  }

  remove(hubSubscriber: HubSubscriber): void {
    this.#groups.remove(hubSubscriber);
  }

  /**
   * Compares the channel with its log. This finds lost entries when the bus lost the newest ones and no later
   * entry has shown the loss.
   */
  async check(): Promise<void> {
    const before = this.#last;
    if (before === undefined || this.#healing !== undefined) return;
    const { name, policy } = this.resolved;
    const ahead = this.#groups.ahead.map((hubSubscriber) => ({
      hubSubscriber,
      own: hubSubscriber.own,
    }));
    const { head, floor } = await this.#context.log.read(name, before.offset, 1, policy);
    for (const { hubSubscriber, own } of ahead) {
      // The subscriber received more than the log has now.
      const isLost = own !== undefined && own.epoch === head.epoch && own.offset > head.offset;
      if (isLost && hubSubscriber.own === own && this.#groups.isAhead(hubSubscriber))
        this.rejoin(hubSubscriber);
    }
    if (this.#last !== before) return;
    if (!samePlace(head, before)) await this.heal();
    else this.#recent?.forget(floor.offset);
  }

  /** Frees what is kept of a channel without subscribers. The channel must not be used afterwards. */
  release(): void {
    this.#forget();
    if (this.#number !== undefined) this.#context.numbers.release(this.#number);
    this.#number = undefined;
  }

  /**
   * Reads from the log the entries after the last one received, up to the log's head. Concurrent calls share
   * one run.
   */
  heal(): Promise<void> {
    this.#healing ??= this.#heal();
    return this.#healing;
  }

  async #heal(): Promise<void> {
    // Yields first, so that the caller has set #healing before any of this runs.
    await undefined;
    // A reader then passes its place in the log and what it was shown in one go, so that its position covers both.
    const isShown = this.#left !== undefined && this.resolved.policy.isAppendedLater === true;
    if (isShown && !this.#context.isCut()) await this.#context.settled();
    const before = this.#last;
    const asked = this.#incoming?.length ?? 0;
    while (!this.isUnused) {
      try {
        if (await this.#recoverOnce()) break;
      } catch (error) {
        this.#context.onError(error);
        await this.#context.pause(retryMs);
      }
    }
    this.#healing = undefined;
    if (this.isUnused) this.#forget();
    else this.#takeIncoming(this.#last === before ? asked : 0);
  }

  async #checkTail(): Promise<Tail | undefined> {
    const newest = this.#last;
    if (newest === undefined) return undefined;
    const { name, policy } = this.resolved;
    const before = Math.max(0, newest.offset - 1);
    return { newest, slice: await this.#context.log.read(name, before, page + 1, policy) };
  }

  /**
   * Returns every entry received after a position. Returns undefined if this node does not have all of them, or
   * has another entry at the position.
   */
  #since(position: Position): readonly Publication[] | undefined {
    return samePlace(position, this.#last) ? none : this.#recent?.after(position);
  }

  /** Reads one page of missing entries; resolves to true once there are no more. */
  async #recoverOnce(): Promise<boolean> {
    const last = this.#last;
    if (last === undefined) return true;
    const recovery = await this.#recover(last);
    switch (recovery.kind) {
      case "contiguous":
        break;
      case "reset":
        this.#resetTo(recovery.state, recovery.reason);
        this.#endIfThere(recovery.end);
        return true;
      case "gap":
        this.#skipTo(recovery.to, recovery.reason);
        this.#endIfThere(recovery.end);
        break;
    }
    for (const entry of recovery.entries) this.#accept(entry);
    this.#readUpTo = this.#last?.offset ?? 0;
    return recovery.entries.length === 0 || this.#readUpTo >= recovery.head.offset;
  }

  /**
   * Reads the entries between `last` and the log's head. If `last` is a position of a local log and cannot be
   * continued, reads from the position at which the channel left the store's log.
   */
  async #recover(last: Position): Promise<Recovery> {
    const { log, maxReplayEntries } = this.#context;
    const bounds = { page, behind: maxReplayEntries };
    const recovery = await recover(log, this.resolved, last, bounds);
    const left = this.#left;
    if (recovery.kind === "contiguous" || left === undefined) return recovery;
    const back = await recover(log, this.resolved, left, bounds);
    if (back.kind !== "contiguous") return back;
    return { ...back, kind: "gap", to: left, reason: recovery.reason };
  }

  /** Ends the subscriptions of the level subscribers if the channel has jumped to `end`, its last entry. */
  #endIfThere(end: Publication | undefined): void {
    for (const hubSubscriber of this.#groups.level()) hubSubscriber.endIfThere(end);
  }

  #resetTo(state: ChannelState, reason: GapReason): void {
    const reset = new Reset(this.resolved.name, state, reason);
    const told = this.#jumpTo(state.position, (hubSubscriber) =>
      hubSubscriber.subscriber.onReset(reset),
    );
    this.#context.instruments.resets[reason].add(told);
  }

  #skipTo(to: Position, reason: GapReason): void {
    const told = this.#jumpTo(to, (hubSubscriber, from) =>
      hubSubscriber.subscriber.onGap(from, to, reason),
    );
    this.#context.instruments.gaps[reason].add(told);
  }

  /**
   * Moves the channel to the position `to` without sending entries, and calls `tell` for every subscriber that
   * is level with it. Returns the number of those subscribers. Each subscriber ahead of the channel reads the
   * log again from its own position, since it may not need the gap or reset.
   */
  #jumpTo(to: Position, tell: (hubSubscriber: HubSubscriber, from: Position) => void): number {
    this.flush();
    const from = this.#flushed ?? to;
    const ahead = [...this.#groups.ahead];
    const level = this.#groups.level();
    const shown = isLocal(to) ? undefined : shownAt(from);
    if (shown !== undefined) for (const hubSubscriber of level) hubSubscriber.shown = shown;
    if (!isLocal(to)) this.#left = undefined;
    else if (this.#last !== undefined && !isLocal(this.#last)) this.#left = this.#last;
    this.#last = to;
    this.#flushed = to;
    this.#readUpTo = to.offset;
    this.#recent?.clear();
    for (const hubSubscriber of level) tell(hubSubscriber, from);
    for (const hubSubscriber of ahead) this.rejoin(hubSubscriber);
    return level.length;
  }

  /**
   * Makes a subscriber catch up from the log again, since the log may no longer have the entries that it
   * received.
   */
  rejoin(hubSubscriber: HubSubscriber): void {
    this.#groups.remove(hubSubscriber);
    void catchUpAgain(this, hubSubscriber, this.#context);
  }

  #accept(publication: Publication): void {
    this.#last = publication.position;
    // An array literal allocates room for one element, while the first push to an empty array allocates room
    // for many.
    if (this.#batch === undefined) this.#batch = [publication];
    else this.#batch.push(publication);
    this.#recent ??= new RecentEntries(this.#context.recentBudget);
    this.#recent.add(publication);
    this.#schedule(publication);
  }

  /**
   * Keeps the entries that were read for one subscriber, so that others can use them, if they lead up to the
   * channel's newest entries.
   */
  #remember(entries: readonly Publication[]): void {
    if (entries.length === 0) return;
    this.#recent ??= new RecentEntries(this.#context.recentBudget);
    if (this.#recent.length > 0) this.#recent.addBefore(entries);
    else if (samePlace(entries.at(-1)?.position, this.#last)) {
      for (const entry of entries) this.#recent.add(entry);
    }
  }

  /**
   * Schedules a flush: at the end of this tick, or after the rule's `batchMs` window, or earlier once a batch
   * is full.
   */
  #schedule({ json }: Publication): void {
    const { ticker } = this.#context;
    const { batchMs } = this.resolved.rule;
    if (batchMs === undefined) {
      ticker.scheduleChannel(this);
      return;
    }
    this.#batchLength = (this.#batch?.length === 1 ? 0 : this.#batchLength) + json.length;
    if (isFullBatch(this.#batch?.length ?? 0, this.#batchLength)) ticker.scheduleChannel(this);
    else ticker.scheduleChannelIn(this, batchMs);
  }

  /**
   * Processes the publications that arrived while the log was read. The first `asked` of them had arrived
   * before that read. Those among them that do not continue the channel belong to a log that no longer exists:
   * reading the log for them again would never end.
   */
  #takeIncoming(asked: number): void {
    const incoming = this.#incoming ?? none;
    this.#incoming = undefined;
    for (const [i, publication] of incoming.entries()) {
      if (i >= asked || this.#continues(publication)) this.receive(publication);
    }
  }

  #continues({ position, previousTag }: Publication): boolean {
    const last = this.#last;
    return (
      position.epoch === last?.epoch &&
      position.offset === last.offset + 1 &&
      (previousTag === undefined || previousTag === last.tag)
    );
  }

  /** Drops everything received, so that the next subscriber starts from the log. */
  #forget(): void {
    this.#last = undefined;
    this.#flushed = undefined;
    this.#left = undefined;
    this.#incoming = undefined;
    this.#batch = undefined;
    this.#recent?.clear();
  }

  /**
   * Queues a publication until the channel knows whether it continues the last one. Dropping a full queue is
   * safe: the next publication will not continue the last one, and the log is then read.
   */
  #keep(publication: Publication): void {
    if (this.#incoming === undefined || this.#incoming.length >= incomingLimit) this.#incoming = [];
    this.#incoming.push(publication);
  }
}

function samePlace(a: Position | undefined, b: Position | undefined): boolean {
  return a !== undefined && a.epoch === b?.epoch && a.offset === b.offset && a.tag === b.tag;
}
