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
} from "@milepost/engine";
import type { Position } from "@milepost/protocol";
import type { Row } from "./driver/database.ts";
import type { PortParts } from "./port-parts.ts";

type PartKind = "tags" | "pending" | "replay";

/** Durable subscribers in the file: one row for each, and one for each run of tags, unsettled entry and replay. */
export class SqliteDurableSubscribers implements DurableSubscribers {
  readonly #parts: PortParts;
  readonly #statements;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#statements = {
      find: store.prepare(
        "SELECT * FROM subscriber WHERE channel = ? AND owner = ? AND name = ? AND until > ?",
      ),
      count: store.prepare(
        "SELECT count(*) AS known FROM subscriber WHERE channel = ? AND until > ?",
      ),
      drop: store.prepare(
        "DELETE FROM subscriber WHERE channel = ? AND owner = ? AND name = ? RETURNING id",
      ),
      make: store.prepare(
        "INSERT INTO subscriber (channel, owner, name, fence, revision, acked, sent, repeats_to, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
      ),
      fence: store.prepare(
        "INSERT INTO meta VALUES ('fence', ?1) ON CONFLICT (name) DO UPDATE SET value = max(value + 1, excluded.value) RETURNING value",
      ),
      raise: store.prepare(
        "INSERT INTO meta VALUES ('fence', ?1) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
      ),
      claim: store.prepare("UPDATE subscriber SET fence = ?, revision = 0, until = ? WHERE id = ?"),
      save: store.prepare(
        "UPDATE subscriber SET revision = ?, acked = ?, sent = ?, repeats_to = ?, until = ? WHERE id = ?",
      ),
      touch: store.prepare("UPDATE subscriber SET until = ? WHERE id = ?"),
      parts: store.prepare(
        "SELECT json FROM subscriber_part WHERE subscriber = ? AND kind = ? ORDER BY number",
      ),
      part: store.prepare(
        "SELECT number FROM subscriber_part WHERE subscriber = ? AND kind = ? AND name = ?",
      ),
      nextPart: store.prepare(
        "SELECT coalesce(max(number), 0) + 1 AS number FROM subscriber_part WHERE subscriber = ? AND kind = ?",
      ),
      putPart: store.prepare("INSERT OR REPLACE INTO subscriber_part VALUES (?, ?, ?, ?, ?)"),
      dropPart: store.prepare(
        "DELETE FROM subscriber_part WHERE subscriber = ? AND kind = ? AND name = ?",
      ),
      dropParts: store.prepare("DELETE FROM subscriber_part WHERE subscriber = ?"),
    };
  }

  claim(
    key: SubscriberKey,
    start: Position,
    bounds: DurableBounds,
  ): Promise<DurableClaim | undefined> {
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const known = this.#find(key);
      if (known === undefined && this.#isCrowded(key, bounds)) return undefined;
      store.requireRoom();
      const now = storeClock.now();
      const fence = Number(this.#statements.fence.get(now)?.value);
      const state: DurableState =
        known === undefined
          ? {
              revision: 0,
              acked: start,
              sent: start,
              repeatsTo: 0,
              tags: [],
              pending: [],
              replays: [],
            }
          : { ...this.#stateOf(known), revision: 0 };
      if (known === undefined) this.#make(key, fence, state, bounds);
      else this.#statements.claim.run(fence, now + bounds.keepMs, Number(known.id));
      return { fence, isNew: known === undefined, state };
    });
  }

  save(
    key: SubscriberKey,
    fence: number,
    change: DurableChange,
    bounds: DurableBounds,
  ): Promise<Saved> {
    return this.#parts.store.step(() => {
      const known = this.#find(key);
      if (known?.fence !== fence || known.revision !== change.revision) return lossOf(known, fence);
      const id = Number(known.id);
      const { acked, sent, repeatsTo } = change;
      this.#statements.save.run(
        change.revision + 1,
        JSON.stringify(acked),
        JSON.stringify(sent),
        repeatsTo,
        this.#until(bounds),
        id,
      );
      for (const first of change.forgotten) this.#drop(id, "tags", String(first));
      for (const offset of change.settled) this.#drop(id, "pending", String(offset));
      for (const letter of change.replayed) this.#drop(id, "replay", letter);
      this.#putOffsets(id, change);
      for (const replay of change.replays) {
        const before = this.#statements.part.get(id, "replay", replay.letter);
        if (before !== undefined)
          this.#put(id, "replay", replay.letter, Number(before.number), replay);
      }
      return "saved";
    });
  }

  restore(key: SubscriberKey, fence: number, state: DurableState, bounds: DurableBounds) {
    return this.#parts.store.step(() => {
      const known = this.#find(key);
      if (known !== undefined && Number(known.fence) > fence) return false;
      const requested = known?.fence === fence ? this.#replaysOf(Number(known.id)) : [];
      if (known === undefined && this.#isCrowded(key, bounds)) return false;
      this.#statements.raise.run(fence);
      const replays = new Map(requested.map((replay) => [replay.letter, replay]));
      for (const replay of state.replays) replays.set(replay.letter, replay);
      this.#make(key, fence, { ...state, replays: [...replays.values()] }, bounds);
      return true;
    });
  }

  look(key: SubscriberKey, fence: number, revision: number, bounds: DurableBounds) {
    return this.#parts.store.step(() => {
      const known = this.#find(key);
      if (known?.fence !== fence || known.revision !== revision) return lossOf(known, fence);
      this.#statements.touch.run(this.#until(bounds), Number(known.id));
      return this.#replaysOf(Number(known.id));
    });
  }

  replay(key: SubscriberKey, replay: PendingReplay, { maxReplays }: DurableBounds) {
    return this.#parts.store.step(() => {
      const known = this.#find(key);
      if (known === undefined) return "unknown";
      const replays = this.#replaysOf(Number(known.id));
      if (replays.some(({ letter }) => letter === replay.letter)) return "added";
      if (replays.length >= maxReplays) return "full";
      this.#append(Number(known.id), replay);
      return "added";
    });
  }

  get(key: SubscriberKey): Promise<DurableState | undefined> {
    return this.#parts.store.read(() => {
      const known = this.#find(key);
      return known && this.#stateOf(known);
    });
  }

  #find({ channel, owner, name }: SubscriberKey): Row | undefined {
    return this.#statements.find.get(channel, owner, name, this.#parts.storeClock.now());
  }

  #isCrowded({ channel }: SubscriberKey, { maxPerChannel }: DurableBounds): boolean {
    const row = this.#statements.count.get(channel, this.#parts.storeClock.now());
    return Number(row?.known) >= maxPerChannel;
  }

  #until({ keepMs }: DurableBounds): number {
    return this.#parts.storeClock.now() + keepMs;
  }

  /** Writes a subscriber in place of the one that has its name. */
  #make(key: SubscriberKey, fence: number, state: DurableState, bounds: DurableBounds): void {
    const { channel, owner, name } = key;
    const before = this.#statements.drop.get(channel, owner, name);
    if (before !== undefined) this.#statements.dropParts.run(Number(before.id));
    const made = this.#statements.make.get(
      channel,
      owner,
      name,
      fence,
      state.revision,
      JSON.stringify(state.acked),
      JSON.stringify(state.sent),
      state.repeatsTo,
      this.#until(bounds),
    );
    const id = Number(made?.id);
    // The id of a subscriber that was forgotten may be given again.
    this.#statements.dropParts.run(id);
    this.#putOffsets(id, state);
    for (const replay of state.replays) this.#append(id, replay);
  }

  #putOffsets(id: number, { tags, pending }: Pick<DurableState, "tags" | "pending">): void {
    for (const run of tags) this.#put(id, "tags", String(run.first), run.first, run);
    for (const entry of pending) {
      const { offset } = entry.position;
      this.#put(id, "pending", String(offset), offset, entry);
    }
  }

  #append(id: number, replay: PendingReplay): void {
    const number = Number(this.#statements.nextPart.get(id, "replay")?.number);
    this.#put(id, "replay", replay.letter, number, replay);
  }

  #put(id: number, kind: PartKind, name: string, number: number, part: object): void {
    this.#statements.putPart.run(id, kind, name, number, JSON.stringify(part));
  }

  #drop(id: number, kind: PartKind, name: string): void {
    this.#statements.dropPart.run(id, kind, name);
  }

  #partsOf<T>(id: number, kind: PartKind): T[] {
    return this.#statements.parts.all(id, kind).map(({ json }) => JSON.parse(String(json)) as T);
  }

  #replaysOf(id: number): readonly PendingReplay[] {
    return this.#partsOf<PendingReplay>(id, "replay");
  }

  #stateOf(row: Row): DurableState {
    const id = Number(row.id);
    return {
      revision: Number(row.revision),
      acked: JSON.parse(String(row.acked)) as Position,
      sent: JSON.parse(String(row.sent)) as Position,
      repeatsTo: Number(row.repeats_to),
      tags: this.#partsOf<TagRun>(id, "tags"),
      pending: this.#partsOf<PendingEntry>(id, "pending"),
      replays: this.#replaysOf(id),
    };
  }
}

/** Returns why a claim is not the latest: `taken` when a later claim exists, otherwise `lost`. */
function lossOf(known: Row | undefined, fence: number): "taken" | "lost" {
  return known !== undefined && Number(known.fence) > fence ? "taken" : "lost";
}
