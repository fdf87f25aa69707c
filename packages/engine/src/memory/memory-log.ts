import type { Projection } from "@milepost/model";
import { endEvent, origin, type Position, type Publication } from "@milepost/protocol";
import { type CompactedLog, replacedOffset } from "../compacted-log.ts";
import { maxBytesOf, maxIdsOf, pageBytes, utf8Length } from "../log-bytes.ts";
import type {
  Appended,
  IdClaim,
  LogPolicy,
  LogSlice,
  LogSnapshot,
  NewEntry,
} from "../ports/channel-log.ts";
import type { OnTrimmed, TrimReason } from "../ports/engine.ts";
import type { Random } from "../ports/random.ts";
import { projectionEntry } from "../projection.ts";
import { optionalFields, repeatedEnd } from "../publication-fields.ts";
import { shownPublisher } from "../shown-publisher.ts";
import { IdOwners } from "./id-owners.ts";
import { KeyMemory } from "./key-memory.ts";
import { valueWeight } from "./value-weight.ts";

/** The lists of a log without entries, shared by all such logs: many channels never have an entry. */
const nothing: never[] = [];
const epochLength = 10;
const tagLength = 8;
const emptyAgeMs = 300_000;
/** Number of bytes of folded data after which the weight of the state is determined anew. */
const weighAfter = 65_536;
/** Approximate number of bytes that a log takes in memory without its entries. */
const logWeight = 1_024;
/** Approximate number of bytes that an entry takes in memory besides its data. */
export const entryWeight = 256;

/**
 * One channel's log in memory, from its beginning to its deletion. Every method is synchronous and therefore
 * atomic.
 */
export class MemoryLog {
  readonly channel: string;
  readonly #random: Random;
  readonly #onTrimmed: OnTrimmed;
  readonly #projection: Projection<unknown> | undefined;
  #state: unknown;
  /** JSON of the state while it is packed; `#state` is undefined then. */
  #packed: string | undefined;
  #head: Position;
  #floor: Position;
  /**
   * Kept entries begin at index `#first`. Dropped entries before it are undefined until the array is cut off.
   */
  #entries: (Publication | undefined)[] = nothing;
  #appendedAt: number[] = nothing;
  /** Bytes of data of each entry. */
  #sizes: number[] = nothing;
  #first = 0;
  /** Bytes of data of all kept entries. */
  #bytes = 0;
  #stateWeight = 0;
  /** Bytes of data that were folded into the state since it was weighed. */
  #folded = 0;
  #keys: KeyMemory | undefined;
  #owners: IdOwners | undefined;
  #end: Publication | undefined;
  #maxAgeMs: number;
  #isCompacted: boolean;
  #usedAt: number;

  constructor(
    channel: string,
    policy: LogPolicy,
    projection: Projection<unknown> | undefined,
    random: Random,
    monotonic: number,
    epochPrefix: string,
    onTrimmed: OnTrimmed,
  ) {
    this.#onTrimmed = onTrimmed;
    this.channel = channel;
    this.#random = random;
    this.#projection = projection;
    this.#state = projection?.initial;
    this.#head = origin(`${epochPrefix}${random.id(epochLength)}`);
    this.#floor = this.#head;
    this.#maxAgeMs = policy.maxAgeMs;
    this.#isCompacted = policy.compacted === true;
    this.#usedAt = monotonic;
  }

  /** Approximate number of bytes that the log takes in memory. */
  get weight(): number {
    return this.#entriesWeight + this.#stateWeight + this.#folded + logWeight + this.#keyWeight;
  }

  /** Part of the weight that trimming all entries would free. */
  get trimmableWeight(): number {
    if (this.#isCompacted) return 0;
    return this.#entriesWeight;
  }

  get #entriesWeight(): number {
    return this.#bytes + (this.#entries.length - this.#first) * entryWeight;
  }

  /** Time of the latest use, as monotonic time in milliseconds. */
  get usedAt(): number {
    return this.#usedAt;
  }

  get #keyWeight(): number {
    return (this.#keys?.weight ?? 0) + (this.#owners?.weight ?? 0);
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
    const known = this.known(entry, policy, monotonic);
    if (known !== undefined) return { publication: known, duplicate: true };
    const { key, publisher, claim } = entry;
    const take = claim && this.#claim(claim, publisher, policy);
    const size = utf8Length(entry.json);
    if (policy.compacted) {
      const replacedTo = replacedOffset(this.#compacted, entry, policy, size);
      this.#drop("compacted", replacedTo - this.#floor.offset);
    }
    take?.();
    const { epoch, offset, tag: previousTag } = this.#head;
    const publication: Publication = {
      channel: this.channel,
      position: { epoch, offset: offset + 1, tag: entry.tag ?? this.#random.id(tagLength) },
      previousTag,
      event: entry.event,
      json: entry.json,
      ts: now,
      ...optionalFields(entry, policy, source),
    };
    if (entry.event === endEvent) this.#end = publication;
    else if (this.#projection !== undefined) {
      this.#state = this.#projection.reduce(this.#unpacked(), projectionEntry(publication));
      if (this.#packed !== undefined) {
        this.#packed = undefined;
        this.#weighState();
      }
      this.#folded += size;
      if (this.#folded > weighAfter) this.#weighState();
    }
    this.#head = publication.position;
    if (this.#entries === nothing) {
      this.#entries = [];
      this.#appendedAt = [];
      this.#sizes = [];
    }
    this.#entries.push(publication);
    this.#appendedAt.push(monotonic);
    this.#sizes.push(size);
    this.#bytes += size;
    if (key !== undefined) {
      this.#keys ??= new KeyMemory();
      this.#keys.add(publisher, key, publication, monotonic + policy.dedupeMs);
    }
    this.#trim(policy, monotonic);
    return { publication, duplicate: false };
  }

  /**
   * Returns the entry that an append would return as a duplicate: that of its key, or the end. Throws `ended`
   * where the append would.
   */
  known(entry: NewEntry, policy: LogPolicy, monotonic: number): Publication | undefined {
    this.#touch(policy, monotonic);
    const { key, publisher, event } = entry;
    const known = key === undefined ? undefined : this.find(publisher, key, monotonic);
    return known ?? (this.#end && repeatedEnd(this.#end, event));
  }

  read(afterOffset: number, limit: number, policy: LogPolicy, monotonic: number): LogSlice {
    this.#touch(policy, monotonic);
    this.#trim(policy, monotonic);
    const from = this.#first + Math.max(0, afterOffset - this.#floor.offset);
    const to = this.#pageEnd(from, Math.min(from + limit, this.#entries.length));
    const entries = this.#entries.slice(from, to) as Publication[];
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
    return { ...at, snapshot: { projection: name, state: this.#unpacked() ?? null } };
  }

  /**
   * Drops entries and keys that are too old. Returns true when the log may be deleted: it remembers no key and
   * was not used for its maximum age.
   */
  expire(monotonic: number): boolean {
    if (!this.#isCompacted) this.#dropOld(monotonic - this.#maxAgeMs);
    if (this.#keys?.expire(monotonic) === 0) this.#keys = undefined;
    const ageMs = this.#head.offset === 0 ? Math.min(emptyAgeMs, this.#maxAgeMs) : this.#maxAgeMs;
    return this.#keys === undefined && this.#usedAt + ageMs <= monotonic;
  }

  /** Weight that packing the state would free at most; 0 while it is packed. */
  get packableWeight(): number {
    return this.#packed === undefined ? this.#stateWeight + this.#folded : 0;
  }

  /**
   * Keeps the state as JSON until it changes, which takes less memory. Each snapshot then parses it. A small state stays as
   * it is.
   */
  packState(): void {
    if (this.#packed !== undefined || this.#state === undefined) return;
    const packed = JSON.stringify(this.#state);
    const weight = 2 * packed.length;
    if (weight >= this.#stateWeight + this.#folded) return;
    this.#packed = packed;
    this.#state = undefined;
    this.#stateWeight = weight;
    this.#folded = 0;
  }

  /**
   * Drops the oldest entries until the log weighs at most `weight`, or has none left. Returns the number of
   * entries dropped.
   */
  trimTo(weight: number): number {
    let excess = this.weight - weight;
    let dropped = 0;
    while (excess > 0 && this.#first < this.#entries.length) {
      excess -= (this.#sizes[this.#first] ?? 0) + entryWeight;
      this.#dropFirst();
      dropped++;
    }
    return dropped;
  }

  /** Throws `forbidden` for an id of another publisher. Returns the function that makes the id the publisher's. */
  #claim(claim: IdClaim, publisher: string, policy: LogPolicy): () => void {
    this.#owners ??= new IdOwners();
    const owners = this.#owners;
    const id = claim.id ?? `@${this.#head.offset + 1}`;
    const owner = shownPublisher(publisher);
    owners.require(id, claim, owner);
    return () => owners.claim(id, owner, maxIdsOf(policy));
  }

  get #compacted(): CompactedLog {
    return {
      channel: this.channel,
      head: this.#head,
      floor: this.#floor,
      bytes: this.#bytes,
      tagAt: (offset) => this.#entryAt(offset)?.position.tag,
    };
  }

  #ending(): { readonly end?: Publication } {
    return this.#end === undefined ? {} : { end: this.#end };
  }

  #touch(policy: LogPolicy, monotonic: number): void {
    this.#maxAgeMs = policy.maxAgeMs;
    this.#isCompacted = policy.compacted === true;
    this.#usedAt = monotonic;
  }

  #trim(policy: LogPolicy, monotonic: number): void {
    this.#keys?.expire(monotonic);
    if (policy.compacted) return;
    const { maxEntries } = policy;
    const maxBytes = maxBytesOf(policy);
    const excess = this.#entries.length - this.#first - maxEntries;
    if (excess > 0) this.#drop("entries", excess);
    if (this.#bytes > maxBytes) this.#drop("bytes", this.#countOver(maxBytes));
    this.#dropOld(monotonic - policy.maxAgeMs);
  }

  /** Returns the index at which a page that begins at index `from` ends, `limit` at the latest. */
  #pageEnd(from: number, limit: number): number {
    if (this.#bytes <= pageBytes) return limit;
    let bytes = 0;
    for (let index = from + 1; index < limit; index++) {
      bytes += this.#sizes[index] ?? 0;
      if (bytes >= pageBytes) return index + 1;
    }
    return limit;
  }

  #unpacked(): unknown {
    return this.#packed === undefined ? this.#state : (JSON.parse(this.#packed) as unknown);
  }

  #weighState(): void {
    this.#stateWeight = valueWeight(this.#state);
    this.#folded = 0;
  }

  #dropOld(until: number): void {
    let index = this.#first;
    while (index < this.#entries.length && (this.#appendedAt[index] ?? 0) <= until) index++;
    this.#drop("age", index - this.#first);
  }

  /** Returns how many of the oldest entries must go so that the others have at most `maxBytes`; the newest stays. */
  #countOver(maxBytes: number): number {
    let bytes = this.#bytes;
    let index = this.#first;
    while (bytes > maxBytes && index < this.#entries.length - 1) {
      bytes -= this.#sizes[index] ?? 0;
      index++;
    }
    return index - this.#first;
  }

  #drop(reason: TrimReason, count: number): void {
    if (count === 0) return;
    for (let n = 0; n < count; n++) this.#dropFirst();
    this.#onTrimmed(reason, count);
  }

  #dropFirst(): void {
    const dropped = this.#entries[this.#first];
    if (dropped !== undefined) this.#floor = dropped.position;
    this.#bytes -= this.#sizes[this.#first] ?? 0;
    this.#entries[this.#first] = undefined;
    this.#first += 1;
    // Cutting off the dropped entries only once half of the array is empty keeps the average cost of an append
    // constant.
    if (this.#first >= 64 && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#appendedAt = this.#appendedAt.slice(this.#first);
      this.#sizes = this.#sizes.slice(this.#first);
      this.#first = 0;
    }
  }

  #entryAt(offset: number): Publication | undefined {
    const { offset: floor } = this.#floor;
    return offset <= floor ? undefined : this.#entries[this.#first + offset - floor - 1];
  }
}
