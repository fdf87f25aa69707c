import type { Projection } from "@milepost/model";
import {
  endEvent,
  MilepostError,
  origin,
  type Position,
  type Publication,
} from "@milepost/protocol";
import type { Appended, LogPolicy, LogSlice, LogSnapshot, NewEntry } from "../ports/channel-log.ts";
import type { Random } from "../ports/random.ts";
import { projectionEntry } from "../projection.ts";
import { KeyMemory } from "./key-memory.ts";

const epochLength = 10;
const tagLength = 8;
const emptyAgeMs = 300_000;

/**
 * One channel's log in memory, from its beginning to its deletion. Every method is synchronous and therefore
 * atomic.
 */
export class MemoryLog {
  readonly channel: string;
  readonly #random: Random;
  readonly #projection: Projection<unknown> | undefined;
  #state: unknown;
  #head: Position;
  #floor: Position;
  /**
   * Kept entries begin at index `#first`. Dropped entries before it are undefined until the array is cut off.
   */
  #entries: (Publication | undefined)[] = [];
  #appendedAt: number[] = [];
  #first = 0;
  #keys: KeyMemory | undefined;
  #end: Publication | undefined;
  #maxAgeMs: number;
  #usedAt: number;

  constructor(
    channel: string,
    policy: LogPolicy,
    projection: Projection<unknown> | undefined,
    random: Random,
    monotonic: number,
    epochPrefix: string,
  ) {
    this.channel = channel;
    this.#random = random;
    this.#projection = projection;
    this.#state = projection?.initial;
    this.#head = origin(`${epochPrefix}${random.id(epochLength)}`);
    this.#floor = this.#head;
    this.#maxAgeMs = policy.maxAgeMs;
    this.#usedAt = monotonic;
  }

  /**
   * Appends an entry. Returns an existing entry instead when the dedupe key is known, or when the log has
   * already ended and the new entry is another end event. In a roll-up, `source` is the channel that the copy
   * comes from.
   */
  append(
    entry: NewEntry,
    policy: LogPolicy,
    monotonic: number,
    now: number,
    source?: string,
  ): Appended {
    this.#touch(policy, monotonic);
    const { key, publisher } = entry;
    if (key !== undefined) {
      const known = this.find(publisher, key, monotonic);
      if (known !== undefined) return { publication: known, duplicate: true };
    }
    if (this.#end !== undefined) {
      if (entry.event === endEvent) return { publication: this.#end, duplicate: true };
      throw new MilepostError("ended", `${this.channel} has ended; publish to another channel`);
    }
    const { epoch, offset, tag: previousTag } = this.#head;
    const publication: Publication = {
      channel: this.channel,
      position: { epoch, offset: offset + 1, tag: entry.tag ?? this.#random.id(tagLength) },
      previousTag,
      event: entry.event,
      json: entry.json,
      ts: now,
      ...(source === undefined ? undefined : { source }),
      ...(entry.priority === undefined ? undefined : { priority: entry.priority }),
      ...(entry.sig === undefined ? undefined : { sig: entry.sig }),
    };
    if (entry.event === endEvent) this.#end = publication;
    else if (this.#projection !== undefined) {
      this.#state = this.#projection.reduce(this.#state, projectionEntry(publication));
    }
    this.#head = publication.position;
    this.#entries.push(publication);
    this.#appendedAt.push(monotonic);
    if (key !== undefined) {
      this.#keys ??= new KeyMemory();
      this.#keys.add(publisher, key, publication, monotonic + policy.dedupeMs);
    }
    this.#trim(policy, monotonic);
    return { publication, duplicate: false };
  }

  read(afterOffset: number, limit: number, policy: LogPolicy, monotonic: number): LogSlice {
    this.#touch(policy, monotonic);
    this.#trim(policy, monotonic);
    const from = this.#first + Math.max(0, afterOffset - this.#floor.offset);
    const entries = this.#entries.slice(from, from + limit) as Publication[];
    return { entries, head: this.#head, floor: this.#floor, ...this.#ending() };
  }

  find(publisher: string, key: string, monotonic: number): Publication | undefined {
    const known = this.#keys?.get(publisher, key, monotonic);
    if (known === undefined) return undefined;
    const { position, event, ts } = known;
    const lost = { channel: this.channel, position, event, json: "null", ts };
    return this.#entryAt(position.offset) ?? lost;
  }

  snapshot(policy: LogPolicy, monotonic: number): LogSnapshot {
    this.#touch(policy, monotonic);
    const at = { position: this.#head, ...this.#ending() };
    if (this.#projection === undefined) return at;
    const { name } = this.#projection;
    return { ...at, snapshot: { projection: name, state: this.#state ?? null } };
  }

  /**
   * Drops entries and keys that are too old. Returns true when the log may be deleted: it remembers no key and
   * was not used for its maximum age.
   */
  expire(monotonic: number): boolean {
    this.#dropOld(monotonic - this.#maxAgeMs);
    if (this.#keys?.expire(monotonic) === 0) this.#keys = undefined;
    const ageMs = this.#head.offset === 0 ? Math.min(emptyAgeMs, this.#maxAgeMs) : this.#maxAgeMs;
    return this.#keys === undefined && this.#usedAt + ageMs <= monotonic;
  }

  #ending(): { readonly end?: Publication } {
    return this.#end === undefined ? {} : { end: this.#end };
  }

  #touch(policy: LogPolicy, monotonic: number): void {
    this.#maxAgeMs = policy.maxAgeMs;
    this.#usedAt = monotonic;
  }

  #trim(policy: LogPolicy, monotonic: number): void {
    while (this.#entries.length - this.#first > policy.maxEntries) this.#dropFirst();
    this.#dropOld(monotonic - policy.maxAgeMs);
    this.#keys?.expire(monotonic);
  }

  #dropOld(until: number): void {
    while (this.#first < this.#entries.length) {
      const appendedAt = this.#appendedAt[this.#first];
      if (appendedAt === undefined || appendedAt > until) return;
      this.#dropFirst();
    }
  }

  #dropFirst(): void {
    const dropped = this.#entries[this.#first];
    if (dropped !== undefined) this.#floor = dropped.position;
    this.#entries[this.#first] = undefined;
    this.#first += 1;
    // Cutting off the dropped entries only once half of the array is empty keeps the average cost of an append
    // constant.
    if (this.#first >= 64 && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#appendedAt = this.#appendedAt.slice(this.#first);
      this.#first = 0;
    }
  }

  #entryAt(offset: number): Publication | undefined {
    const { offset: floor } = this.#floor;
    return offset <= floor ? undefined : this.#entries[this.#first + offset - floor - 1];
  }
}
