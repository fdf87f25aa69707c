import type {
  Delivery,
  DurableChange,
  DurableState,
  PendingEntry,
  PendingReplay,
} from "@milepost/engine";
import type { Position } from "@milepost/protocol";
import { DeliveredTags } from "./delivered-tags.ts";
import {
  ackWaitOf,
  type DurableTerms,
  longestWaitMs,
  maxUnsettled,
  retryDelayOf,
} from "./durable-terms.ts";

/**
 * Outcome of an ack or nack. `taken`: it was accepted. `known`: it changes nothing, since the delivery was
 * settled, refused or reset before. `unknown`: the position was never delivered.
 */
export type AckOutcome = "taken" | "known" | "unknown";

/**
 * Entries and replays that are due: to be delivered again (`again`), or to become dead letters since they have
 * no attempts left (`spent`).
 */
export interface Due {
  readonly again: readonly PendingEntry[];
  readonly spent: readonly PendingEntry[];
  readonly replaysAgain: readonly PendingReplay[];
  readonly replaysSpent: readonly PendingReplay[];
}

/**
 * Delivery ledger of one durable subscriber, kept by the connection that holds it. The ledger records how often
 * each entry was delivered, which entries are settled, and which are due.
 *
 * The ledger has no side effects beyond its own state. Callers pass in times and random numbers, and read the
 * changes to be saved with {@link takeChange}. An ack settles the entry at its position and all earlier
 * entries. An entry that was refused, or is a replay, is settled only by an ack of its exact position, and that
 * ack settles nothing else.
 */
export class DeliveryLedger {
  readonly #terms: DurableTerms;
  readonly #fraction: () => number;
  /** Unsettled entries by offset, ascending. */
  readonly #pending: Map<number, PendingEntry>;
  readonly #replays: Map<string, PendingReplay>;
  readonly #tags: DeliveredTags;
  #sent: Position;
  #repeatsTo: number;
  /** Number of saves since the claim. */
  #revision: number;
  /**
   * Random fraction of all delays computed at the time `at`. Entries delivered at the same time share it, so
   * they become due together and in order.
   */
  #jitter = { at: Number.NaN, fraction: 0 };
  /** Values of `acked` and `sent` at the last save. */
  #savedAcked: Position;
  #savedSent: Position;
  #dirty = new Set<number>();
  #dirtyReplays = new Set<string>();
  /** Dead letters whose replay was acknowledged and that are not removed yet. */
  #delivered: string[] = [];

  /**
   * Resumes from a saved state. Deliveries that were unanswered when the previous holder lost its connection
   * are due at once. If such a delivery has no attempts left, its due time stays.
   *
   * The ledger uses monotonic times. `epochMs` is added to them to get the milliseconds since 1970 that a saved
   * state contains.
   */
  constructor(
    state: DurableState,
    terms: DurableTerms,
    fraction: () => number,
    now: number,
    epochMs: number,
  ) {
    this.#terms = terms;
    this.#fraction = fraction;
    this.#sent = state.sent;
    this.#repeatsTo = state.repeatsTo;
    this.#revision = state.revision;
    this.#tags = new DeliveredTags(state.tags);
    this.#tags.cutTo(state.sent);
    this.#savedAcked = state.acked;
    this.#savedSent = state.sent;
    const furthest = now + longestWaitMs(terms.ackWaitMs);
    const resumed = <T extends Delivery>(delivery: T): T => {
      const isCut = delivery.isOut && delivery.attempts < terms.maxAttempts;
      const dueAt = Math.min(delivery.dueAt - epochMs, furthest);
      return { ...delivery, dueAt: isCut ? now : dueAt };
    };
    this.#pending = new Map(state.pending.map((entry) => [entry.position.offset, resumed(entry)]));
    this.#replays = new Map(state.replays.map((replay) => [replay.letter, resumed(replay)]));
  }

  /** Position up to which everything is settled. */
  get acked(): Position {
    for (const { position, previousTag } of this.#pending.values()) {
      return { epoch: position.epoch, offset: position.offset - 1, tag: previousTag };
    }
    return this.#sent;
  }

  get sent(): Position {
    return this.#sent;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Counts a change or a state as saved. */
  countSave(): void {
    this.#revision += 1;
  }

  /** True while every delivered entry and every replay is settled. */
  get isSettled(): boolean {
    return this.#pending.size === 0 && this.#replays.size === 0;
  }

  /**
   * Number of entries that may still be delivered for the first time before the limit of unsettled entries is
   * reached.
   */
  get capacity(): number {
    return maxUnsettled - this.#pending.size;
  }

  /**
   * Applies an ack: settles the entry at the position and all earlier entries that were not refused. For a
   * refused entry or a replay, settles that one alone.
   */
  ack(position: Position): AckOutcome {
    const replay = this.#replayAt(position);
    if (replay !== undefined) {
      this.#replays.delete(replay.letter);
      this.#dirtyReplays.add(replay.letter);
      this.#delivered.push(replay.letter);
      return "taken";
    }
    const known = this.#known(position);
    if (known !== undefined) return known;
    const { offset } = position;
    const entry = this.#pending.get(offset);
    // This entry was already settled by itself or became a dead letter. Its late or repeated ack must not
    // settle earlier entries.
    if (entry === undefined) return "known";
    if (entry.refusal !== undefined) {
      this.settle(offset);
      return "taken";
    }
    for (const [at, { refusal }] of this.#pending) {
      if (at > offset) break;
      if (refusal === undefined) this.settle(at);
    }
    return "taken";
  }

  /**
   * Marks a delivery as failed. The entry is repeated after a retry delay, or is due at once when it has no
   * attempts left.
   */
  nack(position: Position, reason: string, now: number): AckOutcome {
    const replay = this.#replayAt(position);
    if (replay !== undefined) {
      if (replay.isOut) this.#setReplay(this.#refused(replay, reason, now));
      return "taken";
    }
    const known = this.#known(position);
    if (known !== undefined) return known;
    const entry = this.#pending.get(position.offset);
    if (entry === undefined || !entry.isOut) return "known";
    this.#set(this.#refused(entry, reason, now));
    return "taken";
  }

  /** Returns the deliveries that are due at `now`. */
  due(now: number): Due {
    const { maxAttempts } = this.#terms;
    const isDue = ({ dueAt }: Delivery) => dueAt <= now;
    const isSpent = ({ attempts }: Delivery) => attempts >= maxAttempts;
    const pending = [...this.#pending.values()].filter(isDue);
    const replays = [...this.#replays.values()].filter(isDue);
    return {
      again: pending.filter((entry) => !isSpent(entry)),
      spent: pending.filter(isSpent),
      replaysAgain: replays.filter((replay) => !isSpent(replay)),
      replaysSpent: replays.filter(isSpent),
    };
  }

  /** Returns the monotonic time at which the next entry or replay is due; undefined while none is pending. */
  nextDueAt(): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#pending.values()) next = Math.min(next, dueAt);
    for (const { dueAt } of this.#replays.values()) next = Math.min(next, dueAt);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Records the first delivery of the entry after `sent`, and moves `sent` to this entry. */
  deliver(position: Position, now: number): void {
    const previousTag = this.#sent.tag;
    const attempts = position.offset <= this.#repeatsTo ? 1 : 0;
    const first = { attempts, dueAt: 0, isOut: false };
    this.#set(this.#delivery({ position, previousTag, ...first }, now));
    this.pass(position);
  }

  /** Moves `sent` to the next entry without a delivery, since the subscriber does not receive this entry. */
  pass(position: Position): void {
    this.#sent = position;
    this.#tags.add(position);
  }

  /** Records another delivery of a pending entry. Returns false if the entry is not due any more. */
  repeat({ offset }: Position, now: number): boolean {
    const entry = this.#pending.get(offset);
    if (entry === undefined || entry.dueAt > now) return false;
    this.#set(this.#delivery(entry, now));
    return true;
  }

  /** Records another delivery of a replay. Returns false if the replay is not due any more. */
  repeatReplay(deadLetter: string, now: number): boolean {
    const replay = this.#replays.get(deadLetter);
    if (replay === undefined || replay.dueAt > now) return false;
    this.#setReplay(this.#delivery(replay, now));
    return true;
  }

  /**
   * Returns how often an entry was delivered while its delivery waits for an acknowledgement; otherwise
   * undefined.
   */
  attemptsOf({ offset, tag }: Position): number | undefined {
    const entry = this.#pending.get(offset);
    return entry?.position.tag === tag && entry.isOut ? entry.attempts : undefined;
  }

  /**
   * Returns how often a replay was delivered while its delivery waits for an acknowledgement; otherwise
   * undefined.
   */
  replayAttemptsOf(deadLetter: string): number | undefined {
    const replay = this.#replays.get(deadLetter);
    return replay?.isOut === true ? replay.attempts : undefined;
  }

  /** Returns true while the entry is not settled. */
  isPending({ offset, tag }: Position): boolean {
    return this.#pending.get(offset)?.position.tag === tag;
  }

  isReplaying(deadLetter: string): boolean {
    return this.#replays.has(deadLetter);
  }

  /** Settles one entry that was acknowledged or is in the dead-letter queue. */
  settle(offset: number): void {
    if (this.#pending.delete(offset)) this.#dirty.add(offset);
  }

  /** Ends a replay that was not acknowledged. */
  endReplay(deadLetter: string): void {
    if (this.#replays.delete(deadLetter)) this.#dirtyReplays.add(deadLetter);
  }

  /** Adds replays that were requested since the last refresh; they are due at `now`. */
  adopt(replays: readonly PendingReplay[], now: number): void {
    for (const replay of replays) {
      const { letter: deadLetter } = replay;
      // A replay that has ended in this ledger may still be in the store, as its end is not saved yet. It must
      // not start again.
      if (this.#replays.has(deadLetter) || this.#dirtyReplays.has(deadLetter)) continue;
      this.#replays.set(deadLetter, { ...replay, dueAt: now });
    }
  }

  /** Returns the positions whose tags are known, in offset order; `sent` is the last. */
  known(): readonly Position[] {
    const { epoch } = this.#sent;
    const newest = this.#tags.positions(epoch);
    const first = newest[0]?.offset ?? this.#sent.offset;
    const older = new Map<number, Position>();
    for (const { position, previousTag } of this.#pending.values()) {
      if (position.offset >= first) break;
      const before = position.offset - 1;
      older.set(before, { epoch, offset: before, tag: previousTag });
      older.set(position.offset, position);
    }
    return [...older.values(), ...newest];
  }

  /** Returns true if an entry after `offset` is pending. */
  hasPendingAfter(offset: number): boolean {
    return [...this.#pending.keys()].some((at) => at > offset);
  }

  /**
   * Continues the stream after `to`, a known position, because the log has lost the known entries after it.
   * Settles those that are pending. Entries up to the offset `repeatsTo` may have been delivered before.
   */
  rewind(to: Position, repeatsTo: number): void {
    for (const offset of [...this.#pending.keys()]) if (offset > to.offset) this.settle(offset);
    this.#continueAfter(to, repeatsTo);
  }

  /**
   * Continues the stream after `to`, because the log has none of the known entries. Settles all that are pending.
   * Entries up to the offset `repeatsTo` may have been delivered before.
   */
  restart(to: Position, repeatsTo: number): void {
    for (const offset of [...this.#pending.keys()]) this.settle(offset);
    this.#continueAfter(to, repeatsTo);
  }

  /**
   * Takes the dead letters whose replay was acknowledged. They must be removed before the acknowledgement is
   * saved. Each is returned once, unless {@link untakeDelivered} puts it back.
   */
  takeDelivered(): readonly string[] {
    const delivered = this.#delivered;
    this.#delivered = [];
    return delivered;
  }

  /** Puts back dead letters whose removal failed, so that they are removed later. */
  untakeDelivered(deadLetters: readonly string[]): void {
    this.#delivered.push(...deadLetters);
  }

  /** Takes the changes since the last call; returns undefined when nothing changed. */
  takeChange(epochMs: number): DurableChange | undefined {
    const { acked } = this;
    const sent = this.#sent;
    const isMoved = !same(acked, this.#savedAcked) || !same(sent, this.#savedSent);
    if (this.#dirty.size === 0 && this.#dirtyReplays.size === 0 && !isMoved) return undefined;
    const pending: PendingEntry[] = [];
    const settled: number[] = [];
    for (const offset of this.#dirty) {
      const entry = this.#pending.get(offset);
      if (entry === undefined) settled.push(offset);
      else pending.push({ ...entry, dueAt: entry.dueAt + epochMs });
    }
    const replays: PendingReplay[] = [];
    const replayed: string[] = [];
    for (const deadLetter of this.#dirtyReplays) {
      const replay = this.#replays.get(deadLetter);
      if (replay !== undefined) replays.push({ ...replay, dueAt: replay.dueAt + epochMs });
      else replayed.push(deadLetter);
    }
    this.#dirty = new Set();
    this.#dirtyReplays = new Set();
    this.#savedAcked = acked;
    this.#savedSent = sent;
    const repeatsTo = this.#repeatsTo;
    const known = this.#tags.takeChange();
    const place = { revision: this.#revision, acked, sent, repeatsTo };
    return { ...place, ...known, pending, settled, replays, replayed };
  }

  /** Returns the complete state as the next save makes it, with times in milliseconds since 1970. */
  state(epochMs: number): DurableState {
    const kept = <T extends Delivery>(delivery: T): T => ({
      ...delivery,
      dueAt: delivery.dueAt + epochMs,
    });
    return {
      revision: this.#revision + 1,
      acked: this.acked,
      sent: this.#sent,
      repeatsTo: this.#repeatsTo,
      tags: this.#tags.state(),
      pending: [...this.#pending.values()].map(kept),
      replays: [...this.#replays.values()].map(kept),
    };
  }

  /**
   * Puts back a change that could not be saved. The next change contains these entries again, with their values
   * at that time.
   */
  untakeChange({ tags, forgotten, pending, settled, replays, replayed }: DurableChange): void {
    this.#tags.untakeChange(tags, forgotten);
    for (const { position } of pending) this.#dirty.add(position.offset);
    for (const offset of settled) this.#dirty.add(offset);
    for (const { letter: deadLetter } of replays) this.#dirtyReplays.add(deadLetter);
    for (const deadLetter of replayed) this.#dirtyReplays.add(deadLetter);
    this.#savedAcked = unsaved;
  }

  /**
   * Classifies a position by epoch, offset and tag. Returns undefined when the position was delivered and may
   * be settled.
   */
  #known({ epoch, offset, tag }: Position): AckOutcome | undefined {
    const sent = this.#sent;
    if (epoch !== sent.epoch) return "known";
    if (offset > sent.offset) return "unknown";
    const own = this.#tags.at(offset) ?? this.#pending.get(offset)?.position.tag;
    return own !== undefined && own !== tag ? "unknown" : undefined;
  }

  #continueAfter(to: Position, repeatsTo: number): void {
    this.#sent = to;
    this.#repeatsTo = repeatsTo;
    this.#tags.cutTo(to);
  }

  #replayAt(position: Position): PendingReplay | undefined {
    for (const replay of this.#replays.values()) {
      if (replay.attempts > 0 && same(replay.position, position)) return replay;
    }
    return undefined;
  }

  #delivery<T extends Delivery>(delivery: T, now: number): T {
    const attempts = delivery.attempts + 1;
    const wait = ackWaitOf(attempts, this.#terms.ackWaitMs, this.#fractionAt(now));
    return { ...delivery, attempts, dueAt: now + wait, isOut: true };
  }

  /**
   * Returns the delivery marked as refused, due after its retry delay. A delivery without attempts left is due
   * at once.
   */
  #refused<T extends Delivery>(delivery: T, reason: string, now: number): T {
    const isSpent = delivery.attempts >= this.#terms.maxAttempts;
    const wait = isSpent ? 0 : retryDelayOf(delivery.attempts, this.#fractionAt(now));
    return { ...delivery, refusal: reason, dueAt: now + wait, isOut: false };
  }

  #fractionAt(now: number): number {
    if (this.#jitter.at !== now) this.#jitter = { at: now, fraction: this.#fraction() };
    return this.#jitter.fraction;
  }

  #set(entry: PendingEntry): void {
    const { offset } = entry.position;
    this.#pending.set(offset, entry);
    this.#dirty.add(offset);
  }

  #setReplay(replay: PendingReplay): void {
    this.#replays.set(replay.letter, replay);
    this.#dirtyReplays.add(replay.letter);
  }
}

const unsaved: Position = { epoch: "", offset: -1, tag: "" };

function same(a: Position, b: Position): boolean {
  return a.offset === b.offset && a.tag === b.tag && a.epoch === b.epoch;
}
