import {
  type Appended,
  type ChannelLog,
  type Clock,
  type LogPolicy,
  type LogSlice,
  type LogSnapshot,
  type MemoryBus,
  type NewEntry,
  type OnTrimmed,
  type Random,
  rollUpName,
} from "@milepost/engine";
import { endEvent, originTag, type Publication } from "@milepost/protocol";
import { type LogStatements, logStatements } from "./log-statements.ts";
import type { SqliteStore } from "./sqlite-store.ts";
import type { StoreClock } from "./store-clock.ts";
import { isOver, type LogParts, latestUse, StoredLog } from "./stored-log.ts";
import { YoungAndOld } from "./young-and-old.ts";

const epochLength = 10;
/** Number of logs that one turn of the sweep looks at. */
const sweptAtOnce = 500;

/** Parts of a {@link SqliteChannelLog}. */
export interface ChannelLogParts {
  readonly store: SqliteStore;
  readonly storeClock: StoreClock;
  readonly clock: Clock;
  readonly random: Random;
  readonly bus: Pick<MemoryBus, "publish">;
  /** Bytes that heads and states of logs may take in memory. */
  readonly maxMemoryBytes: number;
  readonly onTrimmed: OnTrimmed;
}

/** Logs of all channels in the file. Publications reach the bus once they are durable. */
export class SqliteChannelLog implements ChannelLog {
  readonly #parts: ChannelLogParts;
  readonly #store: SqliteStore;
  readonly #statements: LogStatements;
  readonly #logParts: LogParts;
  readonly #cache: YoungAndOld<StoredLog>;
  /** Logs that the transaction of this tick must write. */
  readonly #changed = new Map<string, StoredLog>();
  #sweptTo = 0;

  constructor(parts: ChannelLogParts) {
    const { store, random, onTrimmed, maxMemoryBytes } = parts;
    this.#parts = parts;
    this.#store = store;
    this.#statements = logStatements(store);
    this.#cache = new YoungAndOld(maxMemoryBytes);
    this.#logParts = {
      statements: this.#statements,
      random,
      onTrimmed,
      onChanged: (log) => {
        // What a read changes can be found again. While nothing can be written, remembering it would only take memory.
        if (store.isInStep || store.health.takesWrites) this.#changed.set(log.channel, log);
      },
    };
    store.beforeCommit(() => {
      for (const [channel, log] of this.#changed) if (!log.flush()) this.#changed.delete(channel);
    });
    store.onUndone(() => {
      this.#cache.clear();
      this.#changed.clear();
    });
  }

  /** Approximate number of bytes that heads and states take in memory. */
  get bytes(): number {
    return this.#cache.weight;
  }

  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    return this.#store.step(() => this.#append(channel, entry, policy));
  }

  read(channel: string, afterOffset: number, limit: number, policy: LogPolicy): Promise<LogSlice> {
    return this.#using(channel, policy, (log, now) => log.read(afterOffset, limit, policy, now));
  }

  find(
    channel: string,
    publisher: string,
    key: string,
    policy: LogPolicy,
  ): Promise<Publication | undefined> {
    return this.#store.read(() => this.#living(channel, policy)?.find(publisher, key, this.#now()));
  }

  snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    return this.#using(channel, policy, (log, now) => log.snapshot(policy, now));
  }

  peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined> {
    return this.#store.read(() => this.#living(channel, policy)?.snapshot(policy, this.#now()));
  }

  async purge(channel: string, policy: LogPolicy): Promise<void> {
    await this.#store.step(() => {
      const log = this.#living(channel, policy);
      if (log !== undefined) this.#delete(log);
    });
  }

  async close(): Promise<void> {}

  /** Deletes logs that are over, a bounded number at a time. Returns true once it has looked at all. */
  sweep(): boolean {
    const now = this.#now();
    const rows = this.#statements.some.all(this.#sweptTo, sweptAtOnce);
    for (const row of rows) {
      this.#sweptTo = Number(row.id);
      const channel = String(row.channel);
      const live = this.#known(channel);
      const isLogOver =
        live?.isOver(now) ??
        isOver(now, {
          offset: Number(row.offset),
          usedAt: latestUse(Number(row.used_at), now),
          maxAgeMs: Number(row.max_age),
          keysUntil: Number(row.keys_until),
        });
      if (!isLogOver) continue;
      if (live !== undefined) this.#delete(live);
      else {
        this.#statements.remove.run(this.#sweptTo);
        this.#statements.removeState.run(this.#sweptTo);
        this.#statements.leaveBehind.run(this.#sweptTo);
      }
    }
    const isDone = rows.length < sweptAtOnce;
    if (isDone) this.#sweptTo = 0;
    return isDone;
  }

  /** Reads from a log, which begins if there is none: only that needs a transaction. */
  #using<T>(
    channel: string,
    policy: LogPolicy,
    work: (log: StoredLog, now: number) => T,
  ): Promise<T> {
    return this.#store
      .read(() => {
        const log = this.#living(channel, policy);
        return log === undefined ? undefined : { result: work(log, this.#now()) };
      })
      .then(
        (found) =>
          found?.result ?? this.#store.step(() => work(this.#log(channel, policy), this.#now())),
      );
  }

  #append(channel: string, entry: NewEntry, policy: LogPolicy): Appended {
    const log = this.#log(channel, policy);
    const now = this.#now();
    const ts = this.#parts.clock.now();
    const known = log.known(entry, policy, now);
    if (known !== undefined) return { publication: known, duplicate: true };
    this.#store.requireRoom();
    const { rollUp } = policy;
    const { bus } = this.#parts;
    if (rollUp === undefined || entry.event === endEvent) {
      const publication = this.#put(log, entry, policy, now, ts);
      this.#store.onceDurable(() => bus.publish(publication));
      return { publication, duplicate: false };
    }
    const { key: _key, tag: _tag, claim: _claim, rollUpTag, ...unkeyed } = entry;
    const copied = rollUpTag === undefined ? unkeyed : { ...unkeyed, tag: rollUpTag };
    const above = this.#log(rollUpName(channel, rollUp.segments), rollUp.policy);
    above.known(copied, rollUp.policy, now);
    const publication = this.#put(log, entry, policy, now, ts);
    const copy = this.#put(above, copied, rollUp.policy, now, ts, channel);
    this.#store.onceDurable(() => {
      bus.publish(publication);
      bus.publish(copy);
    });
    return { publication, duplicate: false };
  }

  #put(
    log: StoredLog,
    entry: NewEntry,
    policy: LogPolicy,
    now: number,
    ts: number,
    source?: string,
  ): Publication {
    const before = log.weight;
    const publication = log.append(entry, policy, now, ts, source);
    this.#cache.grow(Math.max(0, log.weight - before));
    return publication;
  }

  #log(channel: string, policy: LogPolicy): StoredLog {
    const existing = this.#living(channel, policy);
    if (existing !== undefined) return existing;
    this.#store.requireRoom();
    const epoch = this.#parts.random.id(epochLength);
    const now = this.#now();
    const compacted = policy.compacted === true ? 1 : 0;
    this.#statements.begin.run(channel, epoch, originTag, now, policy.maxAgeMs, compacted);
    return this.#load(channel, policy) as StoredLog;
  }

  #living(channel: string, policy: LogPolicy): StoredLog | undefined {
    const log = this.#known(channel) ?? this.#load(channel, policy);
    return log === undefined || log.isOver(this.#now()) ? this.#replaced(log) : log;
  }

  /** A log that is over is deleted as soon as somebody begins another; until then it only counts as none. */
  #replaced(log: StoredLog | undefined): undefined {
    if (log !== undefined && this.#store.isInStep) this.#delete(log);
    return undefined;
  }

  #known(channel: string): StoredLog | undefined {
    return this.#cache.get(channel, ({ weight }) => weight) ?? this.#changed.get(channel);
  }

  #load(channel: string, policy: LogPolicy): StoredLog | undefined {
    const row = this.#statements.find.get(channel);
    if (row === undefined) return undefined;
    const log = new StoredLog(this.#logParts, row, policy, this.#now());
    this.#cache.set(channel, log, log.weight);
    return log;
  }

  #delete(log: StoredLog): void {
    log.delete();
    this.#cache.delete(log.channel);
    this.#changed.delete(log.channel);
  }

  #now(): number {
    return this.#parts.storeClock.now();
  }
}
