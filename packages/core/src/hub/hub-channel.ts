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
import type { ChannelContext } from "./channel-context.ts";
import type { HubSubscriber, SubscribedChannel } from "./hub-subscriber.ts";
import { catchUpAgain, type JoinedChannel } from "./join.ts";
import { RecentEntries } from "./recent-entries.ts";
import { breakOf, type ChannelState, type Recovery, recover, type Start } from "./recovery.ts";
import { Reset } from "./reset.ts";
import { SubscriberGroups } from "./subscriber-groups.ts";

/** The log from the newest entry on that this node had, that entry included. */
interface Tail {
  readonly newest: Position;
  readonly slice: LogSlice;
}

const page = 500;
const incomingLimit = 10_000;
const retryMs = 1_000;
const none: readonly never[] = [];

/**
 * One channel on one node: its readers, and the batch of this tick.
 *
 * Readers that are level with the channel have no position of their own: handing a batch out is a push into
 * each outbox. What arrives must continue what came before; a hole is filled from the log before anything
 * after it goes out, or told as a gap or a reset.
 */
export class HubChannel implements Flushable, SubscribedChannel, JoinedChannel {
  readonly resolved: ResolvedChannel;
  /** Settles when the bus delivers to this node. */
  readonly attached: Promise<void>;
  scheduled = false;
  readonly #context: ChannelContext;
  readonly #groups = new SubscriberGroups((member) => this.#rejoin(member));
  #recent: RecentEntries | undefined;
  #tail: SharedCall<Tail | undefined> | undefined;
  #joiners = 0;
  /** The newest position received; undefined until the log was read once. */
  #last: Position | undefined;
  #flushed: Position | undefined;
  /** Where the store's log was left when the node went on without it. */
  #left: Position | undefined;
  #batch: Publication[] | undefined;
  /** Characters of data in the batch; counted where there is a window. */
  #batchLength = 0;
  /** What arrives while a hole is filled, or before the log was read. */
  #incoming: Publication[] | undefined;
  /** The bus may yet bring what the log has already given, up to this offset. */
  #readUpTo = 0;
  #healing: Promise<void> | undefined;

  constructor(resolved: ResolvedChannel, attached: Promise<void>, context: ChannelContext) {
    this.resolved = resolved;
    this.attached = attached;
    this.#context = context;
  }

  /** Up to where the readers that are level have been given everything. */
  get flushed(): Position | undefined {
    return this.#flushed;
  }

  get last(): Position | undefined {
    return this.#last;
  }

  get isUnused(): boolean {
    return this.#joiners === 0 && this.#groups.size === 0;
  }

  /** Takes a publication from the bus. */
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
      // An entry that is another than the log gave at its place: the log has lost its tail.
      if (known === undefined || tag === known.tag) return;
    }
    if (this.isUnused) {
      this.#forget();
      return;
    }
    this.#keep(publication);
    void this.heal();
  }

  /** Hands the batch of this tick out. */
  flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    let before = this.#flushed;
    this.#flushed = this.#last;
    for (const part of batchesOf(batch)) {
      const last = part.at(-1)?.position;
      // Whoever reads was given something before, if only the place where it starts.
      this.#groups.give(part, before ?? origin(last?.epoch ?? ""));
      before = last;
    }
    const end = batch.at(-1);
    if (end?.event === endEvent) for (const member of this.#groups.level()) member.end(end);
  }

  beginJoin(): void {
    this.#joiners++;
  }

  endJoin(): void {
    this.#joiners--;
  }

  /** The log was read up to `head`: from here on what the bus brings must continue. */
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
   * Whether the log, which was asked after the channel had come to `before`, says otherwise: it has lost its tail, or
   * was made anew.
   */
  isDenied(before: Position | undefined, head: Position): boolean {
    if (before === undefined) return false;
    if (before.epoch !== head.epoch || before.offset > head.offset) return true;
    return before.offset === head.offset && before.tag !== head.tag;
  }

  /**
   * Where a reader starts that brings a position, when this node has everything after it: the log is only asked whether
   * it still has the newest of that, once for all who ask at the time. Undefined when the log must be read for this reader.
   */
  async resume(position: Position): Promise<Start | undefined> {
    if (this.#since(position) === undefined) return undefined;
    this.#tail ??= new SharedCall(() => this.#checkTail());
    const tail = await this.#tail.run();
    if (tail === undefined) return undefined;
    const { newest, slice } = tail;
    if (breakOf(newest, slice, Number.POSITIVE_INFINITY) !== undefined) {
      // It was there when the log was asked: readers that are level need to know as well.
      if (samePlace(this.#last, newest)) void this.heal();
      return undefined;
    }
    const { head, floor, end } = slice;
    const isKept = position.epoch === head.epoch && position.offset >= floor.offset;
    if (!isKept || head.offset - position.offset > this.#context.maxReplayEntries) return undefined;
    // What is after the newest is as the log has it; up to there it is as the channel has it still.
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
   * What a reader at `position` lacks to be level: nothing, these entries, or undefined when the log must be
   * read for it.
   */
  missing(position: Position): readonly Publication[] | undefined {
    this.flush();
    const last = this.#last;
    if (last === undefined || last.epoch !== position.epoch) return undefined;
    if (position.offset > last.offset) return [];
    return this.#since(position);
  }

  /** Makes a reader live that lacks nothing. */
  place(member: HubSubscriber): void {
    const { own } = member;
    const last = this.#last;
    if (own !== undefined && last !== undefined && own.offset > last.offset) {
      this.#groups.addAhead(member);
    } else this.#groups.addLevel(member);
  }

  regroup(member: HubSubscriber): void {
    this.#groups.regroup(member);
  }

  remove(member: HubSubscriber): void {
    this.#groups.remove(member);
  }

  /** Compares with the log, in case the bus lost the last entry and nothing came since. */
  async check(): Promise<void> {
    const before = this.#last;
    if (before === undefined || this.#healing !== undefined) return;
    const { name, policy } = this.resolved;
    const ahead = this.#groups.ahead.map((member) => ({ member, own: member.own }));
    const { head, floor } = await this.#context.log.read(name, before.offset, 1, policy);
    for (const { member, own } of ahead) {
      // It was given more than the log has by now.
      const isLost = own !== undefined && own.epoch === head.epoch && own.offset > head.offset;
      if (isLost && member.own === own && this.#groups.isAhead(member)) this.#rejoin(member);
    }
    if (this.#last !== before) return;
    if (!samePlace(head, before)) await this.heal();
    else this.#recent?.forget(floor.offset);
  }

  /** Frees what is kept of a channel that nobody reads; it must not be used any more. */
  release(): void {
    this.#forget();
  }

  /** Reads from the log what is missing between the last entry received and its head; one at a time. */
  heal(): Promise<void> {
    this.#healing ??= this.#heal();
    return this.#healing;
  }

  async #heal(): Promise<void> {
    // The caller must have set #healing before anything of this runs.
    await undefined;
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

  /** Everything received after a position; undefined when that is not known. */
  #since(position: Position): readonly Publication[] | undefined {
    return samePlace(position, this.#last) ? none : this.#recent?.after(position);
  }

  /** Reads one page; whether that was all. */
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

  /** What lies between the last position and the log; back from a log of the node's own, between what was left and the log. */
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

  /** What was jumped to may be the end of the channel. */
  #endIfThere(end: Publication | undefined): void {
    for (const member of this.#groups.level()) member.endIfThere(end);
  }

  #resetTo(state: ChannelState, reason: GapReason): void {
    const reset = new Reset(this.resolved.name, state, reason);
    this.#jumpTo(state.position, (member) => member.subscriber.onReset(reset));
  }

  #skipTo(to: Position, reason: GapReason): void {
    this.#jumpTo(to, (member, from) => member.subscriber.onGap(from, to, reason));
  }

  /**
   * Moves the channel on without entries, and tells every reader that is level with it. Those that are further
   * are told nothing they may not need: each looks into the log from where it is.
   */
  #jumpTo(to: Position, tell: (member: HubSubscriber, from: Position) => void): void {
    this.flush();
    const from = this.#flushed ?? to;
    const ahead = [...this.#groups.ahead];
    const level = this.#groups.level();
    if (!isLocal(to)) this.#left = undefined;
    else if (this.#last !== undefined && !isLocal(this.#last)) this.#left = this.#last;
    this.#last = to;
    this.#flushed = to;
    this.#readUpTo = to.offset;
    this.#recent?.clear();
    for (const member of level) tell(member, from);
    for (const member of ahead) this.#rejoin(member);
  }

  /** The log may not be the one that the reader was given: it goes on from what the log says now. */
  #rejoin(member: HubSubscriber): void {
    this.#groups.remove(member);
    void catchUpAgain(this, member, this.#context);
  }

  #accept(publication: Publication): void {
    this.#last = publication.position;
    // A literal has room for one, where the first push makes room for many.
    if (this.#batch === undefined) this.#batch = [publication];
    else this.#batch.push(publication);
    this.#recent ??= new RecentEntries(this.#context.recentBudget);
    this.#recent.add(publication);
    this.#schedule(publication);
  }

  /** Keeps what was read for one reader for others, where it leads up to what the channel has. */
  #remember(entries: readonly Publication[]): void {
    if (entries.length === 0) return;
    this.#recent ??= new RecentEntries(this.#context.recentBudget);
    if (this.#recent.length > 0) this.#recent.addBefore(entries);
    else if (samePlace(entries.at(-1)?.position, this.#last)) {
      for (const entry of entries) this.#recent.add(entry);
    }
  }

  /** At the end of this tick, or once the rule's window is over or there is a batch's worth. */
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
   * Takes what arrived meanwhile. The first `asked` of it the log was asked for and had not: what of that does
   * not continue is of a log that is gone, and asking again for it would never end.
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

  /** Nobody reads: the next to join begins with the log. */
  #forget(): void {
    this.#last = undefined;
    this.#flushed = undefined;
    this.#left = undefined;
    this.#incoming = undefined;
    this.#batch = undefined;
    this.#recent?.clear();
  }

  /** Keeps what cannot be judged yet; dropping is safe: what comes next will not continue, and the log is read. */
  #keep(publication: Publication): void {
    if (this.#incoming === undefined || this.#incoming.length >= incomingLimit) this.#incoming = [];
    this.#incoming.push(publication);
  }
}

function samePlace(a: Position | undefined, b: Position | undefined): boolean {
  return a !== undefined && a.epoch === b?.epoch && a.offset === b.offset && a.tag === b.tag;
}
