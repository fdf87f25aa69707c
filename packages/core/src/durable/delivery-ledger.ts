import type {
  Delivery,
  DurableChange,
  DurableState,
  PendingEntry,
  PendingReplay,
} from "@milepost/engine";
import type { Position } from "@milepost/protocol";
import {
  ackWaitOf,
  type DurableTerms,
  longestWaitMs,
  maxUnsettled,
  retryDelayOf,
} from "./durable-terms.ts";

/** What an ack or nack came to: it counts, changes nothing, or names what was never delivered. */
export type AckOutcome = "taken" | "known" | "unknown";

/** What is due: to be delivered again, or tried often enough. */
export interface Due {
  readonly again: readonly PendingEntry[];
  readonly spent: readonly PendingEntry[];
  readonly replaysAgain: readonly PendingReplay[];
  readonly replaysSpent: readonly PendingReplay[];
}

/**
 * The books of one durable subscriber at its holder: what was delivered how often, what is settled, what is due.
 *
 * Pure but for what it remembers: times and randomness come in, changes go out through {@link takeChange}. An entry is
 * settled by an ack at or after it, unless it was refused once, or is a replay: then by an ack of its very
 * position alone, which settles nothing else.
 */
export class DeliveryLedger {
  readonly #terms: DurableTerms;
  readonly #fraction: () => number;
  /** By offset, ascending. */
  readonly #pending: Map<number, PendingEntry>;
  readonly #replays: Map<string, PendingReplay>;
  #sent: Position;
  /** What randomness said at one time: what is delivered together is due together, in order. */
  #jitter = { at: Number.NaN, fraction: 0 };
  /** What was saved last. */
  #savedAcked: Position;
  #savedSent: Position;
  #dirty = new Set<number>();
  #dirtyReplays = new Set<string>();
  /** Letters whose entry was acknowledged. */
  #delivered: string[] = [];

  /**
   * What was on its way when the last holder lost its connection is due at once; what was tried often enough keeps its wait.
   * Times in the ledger are those of a clock that `epochMs` turns into milliseconds since 1970, as a state has them.
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

  /** Everything up to here is settled. */
  get acked(): Position {
    for (const { position, previousTag } of this.#pending.values()) {
      return { epoch: position.epoch, offset: position.offset - 1, tag: previousTag };
    }
    return this.#sent;
  }

  get sent(): Position {
    return this.#sent;
  }

  /** Whether everything that was delivered is settled. */
  get isSettled(): boolean {
    return this.#pending.size === 0 && this.#replays.size === 0;
  }

  /** How many entries may be delivered for the first time before others are settled. */
  get capacity(): number {
    return maxUnsettled - this.#pending.size;
  }

  /** Settles what an ack settles. */
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
    // Settled alone, or given up: its ack, repeated or late, must not settle what lies before.
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

  /** Takes a delivery for failed: it is repeated after a while of its own. */
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

  /** What is due now. */
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

  /** When something is due next; undefined while nothing is delivered. */
  nextDueAt(): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#pending.values()) next = Math.min(next, dueAt);
    for (const { dueAt } of this.#replays.values()) next = Math.min(next, dueAt);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** The entry right after what was sent is delivered for the first time. */
  deliver(position: Position, now: number): void {
    const previousTag = this.#sent.tag;
    const first = { attempts: 0, dueAt: 0, isOut: false };
    this.#set(this.#delivery({ position, previousTag, ...first }, now));
    this.#sent = position;
  }

  /** The entry right after what was sent is not for this subscriber. */
  pass(position: Position): void {
    this.#sent = position;
  }

  /** An entry is delivered once more, if that is still due. */
  repeat({ offset }: Position, now: number): boolean {
    const entry = this.#pending.get(offset);
    if (entry === undefined || entry.dueAt > now) return false;
    this.#set(this.#delivery(entry, now));
    return true;
  }

  /** The same of a replay. */
  repeatReplay(deadLetter: string, now: number): boolean {
    const replay = this.#replays.get(deadLetter);
    if (replay === undefined || replay.dueAt > now) return false;
    this.#setReplay(this.#delivery(replay, now));
    return true;
  }

  /** How often an entry that waits for its acknowledgement was delivered; undefined when none waits. */
  attemptsOf({ offset, tag }: Position): number | undefined {
    const entry = this.#pending.get(offset);
    return entry?.position.tag === tag && entry.isOut ? entry.attempts : undefined;
  }

  /** The same of a replay. */
  replayAttemptsOf(deadLetter: string): number | undefined {
    const replay = this.#replays.get(deadLetter);
    return replay?.isOut === true ? replay.attempts : undefined;
  }

  /** Whether an entry is not settled. */
  isPending({ offset, tag }: Position): boolean {
    return this.#pending.get(offset)?.position.tag === tag;
  }

  isReplaying(deadLetter: string): boolean {
    return this.#replays.has(deadLetter);
  }

  /** An entry is acknowledged, or in the dead letters. */
  settle(offset: number): void {
    if (this.#pending.delete(offset)) this.#dirty.add(offset);
  }

  /** A replay is over without an acknowledgement. */
  endReplay(deadLetter: string): void {
    if (this.#replays.delete(deadLetter)) this.#dirtyReplays.add(deadLetter);
  }

  /** Adds replays that were asked for meanwhile; they are due now. */
  adopt(replays: readonly PendingReplay[], now: number): void {
    for (const replay of replays) {
      const { letter: deadLetter } = replay;
      // One that is over here but not yet saved must not begin again.
      if (this.#replays.has(deadLetter) || this.#dirtyReplays.has(deadLetter)) continue;
      this.#replays.set(deadLetter, { ...replay, dueAt: now });
    }
  }

  /** The stream goes on after `to`: what was delivered before is settled, since the log cannot bring it again. */
  jump(to: Position): void {
    for (const offset of [...this.#pending.keys()]) this.settle(offset);
    this.#sent = to;
  }

  /** The letters that were acknowledged and are to be removed before that is saved; they are handed out once. */
  takeDelivered(): readonly string[] {
    const delivered = this.#delivered;
    this.#delivered = [];
    return delivered;
  }

  /** Removing them failed: they are still to be removed. */
  untakeDelivered(deadLetters: readonly string[]): void {
    this.#delivered.push(...deadLetters);
  }

  /** What changed since the last one; undefined when nothing did. */
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
    return { acked, sent, pending, settled, replays, replayed };
  }

  /** All of it as it is. */
  state(epochMs: number): DurableState {
    const kept = <T extends Delivery>(delivery: T): T => ({
      ...delivery,
      dueAt: delivery.dueAt + epochMs,
    });
    return {
      acked: this.acked,
      sent: this.#sent,
      pending: [...this.#pending.values()].map(kept),
      replays: [...this.#replays.values()].map(kept),
    };
  }

  /** Saving it failed: what it says has yet to be saved, as it stands then. */
  untakeChange({ pending, settled, replays, replayed }: DurableChange): void {
    for (const { position } of pending) this.#dirty.add(position.offset);
    for (const offset of settled) this.#dirty.add(offset);
    for (const { letter: deadLetter } of replays) this.#dirtyReplays.add(deadLetter);
    for (const deadLetter of replayed) this.#dirtyReplays.add(deadLetter);
    this.#savedAcked = unsaved;
  }

  /** What is known of a position without looking further; undefined when it was delivered and may be settled. */
  #known({ epoch, offset, tag }: Position): AckOutcome | undefined {
    const sent = this.#sent;
    if (epoch !== sent.epoch) return "known";
    if (offset > sent.offset || (offset === sent.offset && tag !== sent.tag)) return "unknown";
    const entry = this.#pending.get(offset);
    return entry !== undefined && entry.position.tag !== tag ? "unknown" : undefined;
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

  /** What was tried often enough is due at once. */
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
