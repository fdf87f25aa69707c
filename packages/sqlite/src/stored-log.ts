import {
  type CompactedLog,
  type IdClaim,
  isOwned,
  type LogPolicy,
  type LogSlice,
  type LogSnapshot,
  maxBytesOf,
  maxIdsOf,
  type NewEntry,
  type OnTrimmed,
  optionalFields,
  pageBytes,
  projectionEntry,
  type Random,
  repeatedEnd,
  replacedOffset,
  shownPublisher,
  type TrimReason,
  utf8Length,
  valueWeight,
} from "@milepost/engine";
import { type Projection, projectionNamed } from "@milepost/model";
import { endEvent, type Position, type Publication } from "@milepost/protocol";
import type { Row } from "./driver/database.ts";
import type { LogStatements } from "./log-statements.ts";

const tagLength = 8;
const emptyAgeMs = 300_000;
/** Number of rows that one statement reads. */
const rowsAtOnce = 200;
/** Number of rows that one transaction deletes from one log at most, so that no trim takes long. */
const trimmedAtOnce = 1_000;
/** Number of the oldest entries that are read at once, to be dropped one by one. */
const frontLength = 16;
/** Number of entries after which a state is written again. */
const foldedEntries = 500;
/** Number of bytes of folded data after which the weight of a state is determined anew. */
const weighAfter = 65_536;
/** Time by which the written time of the last use may lag, in milliseconds. */
const usedLagMs = 30_000;
/** Longest time by which a use may be later than the written one: until it is due to be written, and a commit writes it. */
const unwrittenUseMs = 60_000;
/** Approximate number of bytes that a log takes in memory without its state, with its oldest entries. */
const logWeight = 2_560;

/** Oldest kept entry, as far as dropping it needs to know it. */
interface Front {
  readonly offset: number;
  readonly tag: string;
  readonly at: number;
  readonly size: number;
}

/** Parts that all logs share. */
export interface LogParts {
  readonly statements: LogStatements;
  readonly random: Random;
  readonly onTrimmed: OnTrimmed;
  /** Records that the log must be written with the transaction of this tick. */
  readonly onChanged: (log: StoredLog) => void;
}

/**
 * One channel's log in the file. Its head, its floor and its state are in memory while it is used, its entries are not.
 *
 * Entries below the floor do not exist for readers; transactions delete them later, a bounded number at a time. The written
 * state may lag behind the head: loading the log folds the entries after it. So an entry is deleted only once the
 * written state includes it.
 */
export class StoredLog {
  readonly channel: string;
  readonly id: number;
  readonly #parts: LogParts;
  readonly #projection: Projection<unknown> | undefined;
  #head: Position;
  #floor: Position;
  #bytes: number;
  #usedAt: number;
  #savedUse: number;
  #maxAgeMs: number;
  #isCompacted: boolean;
  #keysUntil: number;
  #ids: number;
  #end: Publication | undefined;
  #state: unknown;
  #stateOffset: number;
  #stateWeight = 0;
  #folded = 0;
  #foldedSinceWeighed = 0;
  #front: Front[] = [];
  #isDeleted = false;
  /** True while the file may have a state that this log does not fold. */
  #hasOldState = false;
  /** True while entries below the floor may still be in the file. */
  #hasTrimmed: boolean;

  constructor(parts: LogParts, row: Row, policy: LogPolicy, now: number) {
    const { statements } = parts;
    this.#parts = parts;
    this.channel = String(row.channel);
    this.id = Number(row.id);
    const epoch = String(row.epoch);
    this.#head = { epoch, offset: Number(row.offset), tag: String(row.tag) };
    this.#floor = { epoch, offset: Number(row.floor), tag: String(row.floor_tag) };
    this.#bytes = Number(row.bytes);
    this.#usedAt = latestUse(Number(row.used_at), now);
    this.#savedUse = Number(row.used_at);
    this.#maxAgeMs = Number(row.max_age);
    this.#isCompacted = row.compacted === 1;
    this.#keysUntil = Number(row.keys_until);
    this.#ids = Number(row.ids);
    this.#hasTrimmed = this.#floor.offset > 0;
    if (typeof row.ending === "string") this.#end = JSON.parse(row.ending) as Publication;
    this.#projection =
      policy.projection === undefined ? undefined : projectionNamed(policy.projection);
    this.#state = this.#projection?.initial;
    this.#stateOffset = this.#projection === undefined ? Number.POSITIVE_INFINITY : 0;
    this.#hasOldState = this.#projection === undefined;
    if (this.#projection === undefined || this.#head.offset === 0) return;
    const saved = statements.state.get(this.id);
    if (saved?.projection === this.#projection.name && Number(saved.offset) <= this.#head.offset) {
      if (typeof saved.state === "string") this.#state = JSON.parse(saved.state);
      this.#stateOffset = Number(saved.offset);
    }
    this.#foldKept();
  }

  /** Approximate number of bytes that the log takes in memory. */
  get weight(): number {
    return logWeight + this.#stateWeight + this.#foldedSinceWeighed;
  }

  get usedAt(): number {
    return this.#usedAt;
  }

  /** Appends an entry that is not a duplicate. In a roll-up, `source` is the channel that the copy comes from. */
  append(
    entry: NewEntry,
    policy: LogPolicy,
    now: number,
    ts: number,
    source?: string,
  ): Publication {
    const { key, publisher, claim } = entry;
    const { statements, random } = this.#parts;
    const take = claim && this.#claim(claim, publisher, policy);
    const size = utf8Length(entry.json);
    if (policy.compacted) {
      const replacedTo = replacedOffset(this.#compacted, entry, policy, size);
      if (replacedTo > this.#floor.offset) {
        this.#drop("compacted", ({ offset }) => offset <= replacedTo);
      }
    }
    take?.();
    const { epoch, offset, tag: previousTag } = this.#head;
    const rest = optionalFields(entry, policy, source);
    const publication: Publication = {
      channel: this.channel,
      position: { epoch, offset: offset + 1, tag: entry.tag ?? random.id(tagLength) },
      previousTag,
      event: entry.event,
      json: entry.json,
      ts,
      ...rest,
    };
    const { position } = publication;
    const hasRest = Object.keys(rest).length > 0;
    statements.append.run(
      this.id,
      position.offset,
      position.tag,
      entry.event,
      entry.json,
      ts,
      now,
      size,
      hasRest ? JSON.stringify(rest) : null,
    );
    if (entry.event === endEvent) this.#end = publication;
    else this.#fold(publication, size);
    this.#head = position;
    this.#bytes += size;
    if (key !== undefined) {
      const until = now + policy.dedupeMs;
      statements.addKey.run(
        this.id,
        nameOf(publisher, key),
        position.offset,
        position.tag,
        entry.event,
        ts,
        until,
      );
      this.#keysUntil = Math.max(this.#keysUntil, until);
    }
    this.#trim(policy, now);
    this.#parts.onChanged(this);
    return publication;
  }

  /**
   * Returns the entry that an append would return as a duplicate: that of its key, or the end. Throws `ended`
   * where the append would.
   */
  known(entry: NewEntry, policy: LogPolicy, now: number): Publication | undefined {
    this.#touch(policy, now);
    const { key, publisher, event } = entry;
    const known = key === undefined ? undefined : this.find(publisher, key, now);
    return known ?? (this.#end && repeatedEnd(this.#end, event));
  }

  read(afterOffset: number, limit: number, policy: LogPolicy, now: number): LogSlice {
    this.#touch(policy, now);
    this.#trim(policy, now);
    const entries: Publication[] = [];
    const from = Math.max(afterOffset, this.#floor.offset);
    let previousTag = from < this.#head.offset ? this.#tagAt(from) : "";
    let offset = from;
    let bytes = 0;
    const kept = this.#head.offset - this.#floor.offset;
    const averageBytes = Math.max(1, this.#bytes / Math.max(1, kept));
    // Few large entries fill a page, and rows that are not used would only take memory.
    const fitting = Math.min(rowsAtOnce, Math.ceil(pageBytes / averageBytes) + 1);
    while (entries.length < limit && offset < this.#head.offset && bytes < pageBytes) {
      const count = Math.min(limit - entries.length, fitting);
      for (const row of this.#parts.statements.page.all(this.id, offset, count)) {
        const publication = this.#publicationOf(row, previousTag);
        if (entries.length > 0) bytes += Number(row.size);
        entries.push(publication);
        previousTag = publication.position.tag;
        if (bytes >= pageBytes) break;
      }
      const last = entries.at(-1)?.position.offset ?? offset;
      if (last === offset) break;
      offset = last;
    }
    return { entries, head: this.#head, floor: this.#floor, ...this.#ending() };
  }

  find(publisher: string, key: string, now: number): Publication | undefined {
    if (this.#keysUntil <= now) return undefined;
    const { statements } = this.#parts;
    const known = statements.key.get(this.id, nameOf(publisher, key), now);
    if (known === undefined) return undefined;
    const offset = Number(known.offset);
    const row = offset > this.#floor.offset ? statements.entry.get(this.id, offset) : undefined;
    if (row !== undefined) return this.#publicationOf(row, this.#tagAt(offset - 1));
    const position = { epoch: this.#head.epoch, offset, tag: String(known.tag) };
    const { event, ts } = known;
    return { channel: this.channel, position, event: String(event), json: "null", ts: Number(ts) };
  }

  snapshot(policy: LogPolicy, now: number): LogSnapshot {
    this.#touch(policy, now);
    const at = { position: this.#head, ...this.#ending() };
    if (this.#projection === undefined) return at;
    return { ...at, snapshot: { projection: this.#projection.name, state: this.#state ?? null } };
  }

  /** Returns true when the log may be deleted: it remembers no key and was not used for its maximum age. */
  isOver(now: number): boolean {
    return isOver(now, {
      offset: this.#head.offset,
      usedAt: this.#usedAt,
      maxAgeMs: this.#maxAgeMs,
      keysUntil: this.#keysUntil,
    });
  }

  /** Deletes the log. Its entries and keys are deleted later. */
  delete(): void {
    const { statements } = this.#parts;
    this.#isDeleted = true;
    statements.remove.run(this.id);
    statements.removeState.run(this.id);
    statements.leaveBehind.run(this.id);
  }

  /** Writes what has changed, and deletes dropped entries. Returns true when more of them remain. */
  flush(): boolean {
    if (this.#isDeleted) return false;
    const { statements } = this.#parts;
    this.#saveState();
    statements.save.run(
      this.#head.offset,
      this.#head.tag,
      this.#floor.offset,
      this.#floor.tag,
      this.#bytes,
      this.#usedAt,
      this.#maxAgeMs,
      this.#isCompacted ? 1 : 0,
      this.#keysUntil,
      this.#ids,
      this.#end === undefined ? null : JSON.stringify(this.#end),
      this.id,
    );
    this.#savedUse = this.#usedAt;
    if (!this.#hasTrimmed) return false;
    if (this.#hasOldState) {
      // Its rule has had a projection once. If it gets one again, a state without the entries deleted here would be wrong.
      statements.removeState.run(this.id);
      this.#hasOldState = false;
    }
    const upTo = Math.min(this.#floor.offset, this.#stateOffset);
    const deleted = statements.trim.run(this.id, upTo, trimmedAtOnce);
    this.#hasTrimmed = deleted >= trimmedAtOnce || upTo < this.#floor.offset;
    return deleted >= trimmedAtOnce;
  }

  #saveState(): void {
    if (this.#projection === undefined || this.#stateOffset === this.#head.offset) return;
    const isDue =
      this.#folded * 2 >= this.#stateWeight ||
      this.#head.offset - this.#stateOffset >= foldedEntries ||
      this.#floor.offset - this.#stateOffset >= foldedEntries / 2;
    if (!isDue) return;
    const json = JSON.stringify(this.#state) as string | undefined;
    this.#parts.statements.saveState.run(
      this.id,
      this.#projection.name,
      this.#head.offset,
      json ?? null,
    );
    this.#stateOffset = this.#head.offset;
    this.#folded = 0;
  }

  #fold(publication: Publication, size: number): void {
    if (this.#projection === undefined) return;
    this.#state = this.#projection.reduce(this.#state, projectionEntry(publication));
    this.#folded += size;
    this.#foldedSinceWeighed += size;
    if (this.#foldedSinceWeighed > weighAfter) this.#weigh();
  }

  #weigh(): void {
    this.#stateWeight = valueWeight(this.#state);
    this.#foldedSinceWeighed = 0;
  }

  /** Folds what the written state does not include. */
  #foldKept(): void {
    let offset = this.#stateOffset;
    while (offset < this.#head.offset) {
      const rows = this.#parts.statements.page.all(this.id, offset, rowsAtOnce);
      if (rows.length === 0) break;
      for (const row of rows) {
        offset = Number(row.offset);
        if (row.event !== endEvent) this.#fold(this.#publicationOf(row, ""), Number(row.size));
      }
    }
    this.#weigh();
  }

  #publicationOf(row: Row, previousTag: string): Publication {
    const rest = typeof row.rest === "string" ? (JSON.parse(row.rest) as object) : undefined;
    const { epoch } = this.#head;
    return {
      channel: this.channel,
      position: { epoch, offset: Number(row.offset), tag: String(row.tag) },
      previousTag,
      event: String(row.event),
      json: String(row.json),
      ts: Number(row.ts),
      ...rest,
    };
  }

  #tagAt(offset: number): string {
    if (offset === this.#floor.offset) return this.#floor.tag;
    return String(this.#parts.statements.entry.get(this.id, offset)?.tag ?? "");
  }

  /** Throws `forbidden` for an id of another publisher. Returns the function that makes the id the publisher's. */
  #claim(claim: IdClaim, publisher: string, policy: LogPolicy): () => void {
    const { statements } = this.#parts;
    const id = claim.id ?? `@${this.#head.offset + 1}`;
    const owner = shownPublisher(publisher);
    const known = statements.owner.get(this.id, id);
    if (claim.anyOwner !== true && known?.owner !== owner) {
      if (known !== undefined || claim.id?.startsWith("@")) throw isOwned(id);
    }
    const most = maxIdsOf(policy);
    return () => {
      if (known !== undefined && Number(known.number) > this.#ids - most / 2) return;
      this.#ids++;
      statements.addOwner.run(
        this.id,
        id,
        known === undefined ? owner : String(known.owner),
        this.#ids,
      );
      statements.dropOwners.run(this.id, this.#ids - most);
    };
  }

  get #compacted(): CompactedLog {
    return {
      channel: this.channel,
      head: this.#head,
      floor: this.#floor,
      bytes: this.#bytes,
      tagAt: (offset) => this.#tagAt(offset),
    };
  }

  #ending(): { readonly end?: Publication } {
    return this.#end === undefined ? {} : { end: this.#end };
  }

  #touch(policy: LogPolicy, now: number): void {
    this.#maxAgeMs = policy.maxAgeMs;
    this.#isCompacted = policy.compacted === true;
    this.#usedAt = now;
    if (now - this.#savedUse >= Math.min(usedLagMs, policy.maxAgeMs / 4))
      this.#parts.onChanged(this);
  }

  #trim(policy: LogPolicy, now: number): void {
    if (policy.compacted || this.#head.offset === this.#floor.offset) return;
    const first = this.#head.offset - policy.maxEntries;
    if (this.#floor.offset < first) this.#drop("entries", ({ offset }) => offset <= first);
    const maxBytes = maxBytesOf(policy);
    if (this.#bytes > maxBytes) {
      this.#drop("bytes", ({ offset }) => this.#bytes > maxBytes && offset < this.#head.offset);
    }
    const before = now - policy.maxAgeMs;
    this.#drop("age", ({ at }) => at <= before);
  }

  /** Drops the oldest entries for which `isDropped` holds. */
  #drop(reason: TrimReason, isDropped: (front: Front) => boolean): void {
    let dropped = 0;
    for (;;) {
      if (this.#front.length === 0) this.#readFront();
      const [front] = this.#front;
      if (front === undefined || !isDropped(front)) break;
      this.#front.shift();
      this.#floor = { epoch: this.#head.epoch, offset: front.offset, tag: front.tag };
      this.#bytes -= front.size;
      dropped++;
    }
    if (dropped === 0) return;
    this.#hasTrimmed = true;
    this.#parts.onTrimmed(reason, dropped);
    this.#parts.onChanged(this);
  }

  #readFront(): void {
    const rows = this.#parts.statements.front.all(this.id, this.#floor.offset, frontLength);
    this.#front = rows.map(({ offset, tag, at, size }) => ({
      offset: Number(offset),
      tag: String(tag),
      at: Number(at),
      size: Number(size),
    }));
  }
}

/**
 * Returns the latest time at which a log may have been used, from the time that was written. A process that was killed took
 * later uses with it, and a log must not end earlier for that.
 */
export function latestUse(writtenAt: number, now: number): number {
  return Math.max(writtenAt, Math.min(now, writtenAt + unwrittenUseMs));
}

/** Returns true when a log may be deleted. */
export function isOver(
  now: number,
  log: {
    readonly offset: number;
    readonly usedAt: number;
    readonly maxAgeMs: number;
    readonly keysUntil: number;
  },
): boolean {
  const ageMs = log.offset === 0 ? Math.min(emptyAgeMs, log.maxAgeMs) : log.maxAgeMs;
  return log.keysUntil <= now && log.usedAt + ageMs <= now;
}

function nameOf(publisher: string, key: string): string {
  return `${publisher.length}:${publisher}${key}`;
}
