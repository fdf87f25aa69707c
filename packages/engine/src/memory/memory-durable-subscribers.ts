import type { Position } from "@milepost/protocol";
import type { Clock } from "../ports/clock.ts";
import type {
  DurableBounds,
  DurableChange,
  DurableClaim,
  DurableState,
  DurableSubscribers,
  PendingEntry,
  PendingReplay,
  Saved,
  SubscriberKey,
  TagRun,
} from "../ports/durable-subscribers.ts";

interface Kept {
  fence: number;
  revision: number;
  acked: Position;
  sent: Position;
  repeatsTo: number;
  /** Runs of tags by their first offset, ascending. */
  readonly tags: Map<number, TagRun>;
  /** Unsettled entries by offset, ascending because entries are first delivered in order. */
  readonly pending: Map<number, PendingEntry>;
  readonly replays: Map<string, PendingReplay>;
  until: number;
}

/** Durable subscribers of one process, kept in memory. */
export class MemoryDurableSubscribers implements DurableSubscribers {
  readonly #clock: Clock;
  readonly #channels = new Map<string, Map<string, Kept>>();
  /** Fence of the latest claim on any subscriber. */
  #fence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async claim(
    key: SubscriberKey,
    start: Position,
    bounds: DurableBounds,
  ): Promise<DurableClaim | undefined> {
    const known = this.#find(key);
    const kept = known ?? this.#make(key, start, bounds);
    if (kept === undefined) return undefined;
    this.#fence = Math.max(this.#fence + 1, this.#clock.now());
    kept.fence = this.#fence;
    kept.revision = 0;
    this.#touch(kept, bounds);
    return { fence: kept.fence, isNew: known === undefined, state: stateOf(kept) };
  }

  async save(
    key: SubscriberKey,
    fence: number,
    change: DurableChange,
    bounds: DurableBounds,
  ): Promise<Saved> {
    const kept = this.#find(key);
    if (kept?.fence !== fence || kept.revision !== change.revision) return lossOf(kept, fence);
    const { pending, replays, tags } = kept;
    kept.revision += 1;
    kept.acked = change.acked;
    kept.sent = change.sent;
    kept.repeatsTo = change.repeatsTo;
    for (const first of change.forgotten) tags.delete(first);
    for (const run of change.tags) tags.set(run.first, run);
    for (const offset of change.settled) pending.delete(offset);
    for (const entry of change.pending) pending.set(entry.position.offset, entry);
    for (const deadLetter of change.replayed) replays.delete(deadLetter);
    for (const replay of change.replays) {
      if (replays.has(replay.letter)) replays.set(replay.letter, replay);
    }
    this.#touch(kept, bounds);
    return "saved";
  }

  async restore(key: SubscriberKey, fence: number, state: DurableState, bounds: DurableBounds) {
    const known = this.#find(key);
    if (known !== undefined && known.fence > fence) return false;
    const isMine = known?.fence === fence;
    if (known !== undefined) this.#channels.get(key.channel)?.delete(nameOf(key));
    const kept = this.#make(key, state.acked, bounds);
    if (kept === undefined) return false;
    this.#fence = Math.max(this.#fence, fence);
    kept.fence = fence;
    kept.revision = state.revision;
    kept.sent = state.sent;
    kept.repeatsTo = state.repeatsTo;
    for (const run of state.tags) kept.tags.set(run.first, run);
    for (const entry of state.pending) kept.pending.set(entry.position.offset, entry);
    for (const replay of isMine ? known.replays.values() : [])
      kept.replays.set(replay.letter, replay);
    for (const replay of state.replays) kept.replays.set(replay.letter, replay);
    this.#touch(kept, bounds);
    return true;
  }

  async look(key: SubscriberKey, fence: number, revision: number, bounds: DurableBounds) {
    const kept = this.#find(key);
    if (kept?.fence !== fence || kept.revision !== revision) return lossOf(kept, fence);
    this.#touch(kept, bounds);
    return [...kept.replays.values()];
  }

  async replay(key: SubscriberKey, replay: PendingReplay, { maxReplays }: DurableBounds) {
    const kept = this.#find(key);
    if (kept === undefined) return "unknown";
    if (kept.replays.has(replay.letter)) return "added";
    if (kept.replays.size >= maxReplays) return "full";
    kept.replays.set(replay.letter, replay);
    return "added";
  }

  async get(key: SubscriberKey): Promise<DurableState | undefined> {
    const kept = this.#find(key);
    return kept && stateOf(kept);
  }

  #find(key: SubscriberKey): Kept | undefined {
    const kept = this.#channels.get(key.channel)?.get(nameOf(key));
    return kept === undefined || kept.until <= this.#clock.monotonic() ? undefined : kept;
  }

  #make(key: SubscriberKey, start: Position, { maxPerChannel }: DurableBounds): Kept | undefined {
    this.#forget();
    const known = this.#channels.get(key.channel);
    if ((known?.size ?? 0) >= maxPerChannel) return undefined;
    const ofChannel = known ?? new Map<string, Kept>();
    this.#channels.set(key.channel, ofChannel);
    const pending = new Map<number, PendingEntry>();
    const place = { acked: start, sent: start, repeatsTo: 0, tags: new Map<number, TagRun>() };
    const kept = { ...place, fence: 0, revision: 0, pending, replays: new Map(), until: 0 };
    ofChannel.set(nameOf(key), kept);
    return kept;
  }

  #touch(kept: Kept, { keepMs }: DurableBounds): void {
    kept.until = this.#clock.monotonic() + keepMs;
  }

  /** Drops expired subscribers. Runs only when a subscriber is created, which is rare. */
  #forget(): void {
    const now = this.#clock.monotonic();
    for (const [channel, ofChannel] of this.#channels) {
      for (const [name, { until }] of ofChannel) if (until <= now) ofChannel.delete(name);
      if (ofChannel.size === 0) this.#channels.delete(channel);
    }
  }
}

/** Returns why a claim is not the latest: `taken` when a later claim exists, otherwise `lost`. */
function lossOf(kept: Kept | undefined, fence: number): "taken" | "lost" {
  return kept !== undefined && kept.fence > fence ? "taken" : "lost";
}

function stateOf(kept: Kept): DurableState {
  const { revision, acked, sent, repeatsTo, tags, pending, replays } = kept;
  return {
    revision,
    acked,
    sent,
    repeatsTo,
    tags: [...tags.values()],
    pending: [...pending.values()],
    replays: [...replays.values()],
  };
}

/**
 * Returns the map key of a subscriber. It is unambiguous: a name has no colon, while an owner may have any
 * character.
 */
function nameOf({ owner, name }: SubscriberKey): string {
  return `${name}:${owner}`;
}
