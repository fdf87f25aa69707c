import { type Place, placeOf } from "./position.ts";
import type { ChannelRecord, DumpRecord, EntryRecord, FaultRecord, LifeRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

/** Entry as the store recorded it. */
export interface StoredEntry {
  readonly place: Place;
  readonly key: string | undefined;
  readonly owner: string;
  readonly event: string;
  readonly hash: string;
  readonly t: number;
  /**
   * Time at which a fault removed the entry from the log; undefined while the log has it, and when retention
   * trimmed it.
   */
  lostAt: number | undefined;
}

/** Lifetime of a channel's log under one epoch. */
export interface Life {
  readonly epoch: string;
  readonly beganAt: number;
  /** Entries by offset; an entry that was lost is replaced by the one stored at its offset later. */
  readonly entries: Map<number, StoredEntry>;
  /** All entries ever stored, lost tails included. */
  readonly all: StoredEntry[];
  /** Losses of the log's tail: the time, and the last offset that remained. */
  readonly tailLosses: { readonly t: number; readonly offset: number }[];
  head: number;
  usedAt: number;
  endedAt: number | undefined;
  /** True when a recorded fault ended this life. */
  purged: boolean;
}

const emptyAgeMs = 300_000;

/** History of one channel through all its lives, as the store saw it. */
export class ChannelHistory {
  readonly channel: ChannelRecord;
  readonly lives: Life[] = [];

  constructor(channel: ChannelRecord) {
    this.channel = channel;
  }

  get current(): Life | undefined {
    return this.lives.at(-1);
  }

  life(epoch: string): Life | undefined {
    for (let i = this.lives.length - 1; i >= 0; i--) {
      if (this.lives[i]?.epoch === epoch) return this.lives[i];
    }
    return undefined;
  }

  /** Returns the entry at a place, lost or not. */
  entry({ epoch, offset, tag }: Place): StoredEntry | undefined {
    const life = this.life(epoch);
    const there = life?.entries.get(offset);
    if (there?.place.tag === tag) return there;
    return life?.all.find(({ place }) => place.offset === offset && place.tag === tag);
  }

  begin({ epoch }: LifeRecord, t: number, accuse: Accuse): void {
    if (this.life(epoch) !== undefined) {
      accuse("G1", `the log of ${this.channel.channel} reused the old epoch ${epoch}`);
    }
    const before = this.current;
    if (before !== undefined && before.endedAt === undefined) before.endedAt = t;
    this.lives.push({
      epoch,
      beganAt: t,
      entries: new Map(),
      all: [],
      tailLosses: [],
      head: 0,
      usedAt: t,
      endedAt: undefined,
      purged: false,
    });
  }

  add(record: EntryRecord, t: number, accuse: Accuse): void {
    const place = placeOf(record.position);
    const life = this.current;
    if (life === undefined || life.epoch !== place.epoch) {
      accuse("G1", `${record.position} was stored in a log that has ended`);
      return;
    }
    if (place.offset !== life.head + 1) {
      accuse("G1", `${record.position} does not follow offset ${life.head}`);
    }
    const { key, owner } = record;
    const entry = { place, key, owner, event: record.event, hash: record.hash, t };
    const stored: StoredEntry = { ...entry, lostAt: undefined };
    life.head = place.offset;
    life.usedAt = t;
    life.entries.set(place.offset, stored);
    life.all.push(stored);
  }

  fault({ fault, offset = 0 }: FaultRecord, t: number): void {
    const life = this.current;
    if (life === undefined) return;
    if (fault === "purge") {
      life.endedAt = t;
      life.purged = true;
      for (const entry of life.entries.values()) entry.lostAt ??= t;
    } else if (fault === "tail_lost") {
      life.tailLosses.push({ t, offset });
      for (let lost = offset + 1; lost <= life.head; lost++) {
        const entry = life.entries.get(lost);
        if (entry !== undefined) entry.lostAt ??= t;
        life.entries.delete(lost);
      }
      life.head = offset;
    }
  }

  /** Checks that the log at the end holds the entries that were stored and neither trimmed nor lost. */
  dump({ head, entries }: DumpRecord, accuse: Accuse): void {
    const place = placeOf(head);
    const life = this.current;
    if (life === undefined || place.epoch !== life.epoch) return;
    if (place.offset !== life.head) {
      accuse("G2", `the log ends at ${head}, but offset ${life.head} was stored`);
    }
    let next = place.offset - entries.length + 1;
    for (const { position, hash } of entries) {
      const at = placeOf(position);
      const stored = life.entries.get(at.offset);
      if (at.offset !== next++) accuse("G1", `the log has a hole before ${position}`);
      if (stored === undefined || stored.place.tag !== at.tag || stored.hash !== hash) {
        accuse("G1", `the log holds another entry at ${position} than was stored there`);
      }
    }
  }

  /** Returns true when retention may have removed the entry at an offset by time `t`. */
  mayBeTrimmed(life: Life, offset: number, t: number): boolean {
    // Losing a tail later does not restore the entries that the tail had pushed out.
    const most = Math.max(life.head, ...life.all.map(({ place }) => place.offset), 0);
    if (offset <= most - this.channel.max_entries) return true;
    const entry = life.entries.get(offset) ?? life.all.find(({ place }) => place.offset === offset);
    return entry !== undefined && entry.t + this.channel.max_age_ms <= t;
  }

  /**
   * Returns true when a purge or the retention age explains that a log of another epoch replaced this one by
   * time `t`.
   */
  mayHaveEnded(life: Life, t: number): boolean {
    if (life.endedAt === undefined || life.endedAt > t) return false;
    if (life.purged) return true;
    const ageMs =
      life.all.length === 0
        ? Math.min(emptyAgeMs, this.channel.max_age_ms)
        : this.channel.max_age_ms;
    return life.endedAt - life.usedAt >= ageMs;
  }
}
