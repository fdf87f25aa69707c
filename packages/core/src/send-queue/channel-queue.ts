import type { Position, Priority, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { batchesOf } from "./batches.ts";
import { mergeWaiting } from "./merge-waiting.ts";

/** Approximate size of an entry besides its data, in bytes. */
const envelopeBytes = 200;

const leastUrgent = 2;
const ranks = { high: 0, normal: 1, low: leastUrgent } as const satisfies Record<Priority, number>;

/** A subscriber of one channel whose entries can be held. */
export interface HeldSubscriber {
  /** Encodes consecutive entries, framed for this subscriber. */
  encode(publications: readonly Publication[]): Uint8Array;
  /** Called when a merge has removed `count` held entries of this subscriber. */
  onMerged(count: number): void;
}

/** Entries of one channel that wait for one subscriber, in order. */
export class ChannelQueue {
  readonly subscriber: HeldSubscriber;
  readonly #rule: Rule;
  /** Position of the last entry that was sent. */
  sent: Position;
  size = 0;
  #entries: readonly Publication[] = [];
  #fresh: Publication[] = [];
  #rank = leastUrgent;

  constructor(subscriber: HeldSubscriber, rule: Rule, sent: Position) {
    this.subscriber = subscriber;
    this.#rule = rule;
    this.sent = sent;
  }

  /** Rank of the most urgent waiting entry; a lower rank is sent first. */
  get rank(): number {
    return this.#rank;
  }

  get isEmpty(): boolean {
    return this.#entries.length + this.#fresh.length === 0;
  }

  add(publications: readonly Publication[]): void {
    for (const publication of publications) {
      this.#fresh.push(publication);
      this.#count(publication);
    }
  }

  /** Merges the waiting entries, if any were added since the last merge. */
  merge(): void {
    if (this.#fresh.length === 0) return;
    const all = [...this.#entries, ...this.#fresh];
    this.#fresh = [];
    this.#entries = mergeWaiting(all, this.sent, this.#rule.merge);
    this.#measure();
    const merged = all.length - this.#entries.length;
    if (merged > 0) this.subscriber.onMerged(merged);
  }

  /** Merges the waiting entries, and removes and returns the first batch of them: one frame's worth. */
  take(): readonly Publication[] {
    this.merge();
    const batch = batchesOf(this.#entries).next().value ?? [];
    this.#entries = this.#entries.slice(batch.length);
    this.sent = batch.at(-1)?.position ?? this.sent;
    this.#measure();
    return batch;
  }

  #measure(): void {
    this.size = 0;
    this.#rank = leastUrgent;
    for (const publication of this.#entries) this.#count(publication);
  }

  #count({ json, priority = this.#rule.priority ?? "normal" }: Publication): void {
    this.size += json.length + envelopeBytes;
    this.#rank = Math.min(this.#rank, ranks[priority]);
  }
}
