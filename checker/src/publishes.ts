import type { ChannelHistory, StoredEntry } from "./logs.ts";
import { placeOf } from "./position.ts";
import type { EntryRecord, FaultRecord, PublishedRecord, PublishRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

interface Asked {
  readonly record: PublishRecord;
  readonly t: number;
  attempts: number;
  position: string | undefined;
  /** The store refused something between this ask and its answer. */
  disturbed: boolean;
  answered: boolean;
}

interface Answered {
  readonly n: number;
  readonly entry: StoredEntry;
}

/** Invented entries, doubled keys, acknowledged entries that are not there, and order. */
export class PublishChecks {
  readonly #logs: ReadonlyMap<string, ChannelHistory>;
  readonly #dedupeMs: () => number;
  readonly #asked = new Map<string, Asked>();
  /** By channel, key, event and hash: what may be stored. */
  readonly #wanted = new Set<string>();
  readonly #keys = new Map<string, { t: number; position: string; lives: number }>();
  readonly #waiting = new Set<Asked>();
  readonly #order = new Map<string, Answered[]>();
  #storeFaults = 0;

  constructor(logs: ReadonlyMap<string, ChannelHistory>, dedupeMs: () => number) {
    this.#logs = logs;
    this.#dedupeMs = dedupeMs;
  }

  fault({ fault, phase, channel }: FaultRecord): void {
    for (const asked of this.#waiting) {
      if (asked.record.channel === channel) asked.disturbed = true;
    }
    if (!fault.startsWith("store_")) return;
    if (phase === "start") this.#storeFaults++;
    if (phase === "stop") this.#storeFaults--;
    for (const asked of this.#waiting) asked.disturbed = true;
  }

  publish(record: PublishRecord, t: number): void {
    this.#wanted.add(wantedAs(record));
    const id = `${record.publisher}#${record.n}`;
    const known = this.#asked.get(id);
    if (known !== undefined) {
      known.attempts++;
      known.answered = false;
      this.#waiting.add(known);
      return;
    }
    const disturbed = this.#storeFaults > 0;
    const asked: Asked = {
      record,
      t,
      attempts: 1,
      position: undefined,
      disturbed,
      answered: false,
    };
    this.#asked.set(id, asked);
    this.#waiting.add(asked);
  }

  entry(record: EntryRecord, t: number, accuse: Accuse): void {
    const history = this.#logs.get(record.channel);
    const ours = history?.channel.written_by === "publishers";
    if (ours && !this.#wanted.has(wantedAs(record))) {
      accuse("G1", `nobody published what was stored at ${record.position}`);
    }
    const { key } = record;
    if (key === undefined) return;
    const name = `${record.channel} ${record.owner} ${key}`;
    const known = this.#keys.get(name);
    const { epoch, offset } = placeOf(record.position);
    if (known !== undefined && t - known.t < this.#dedupeMs()) {
      const first = placeOf(known.position);
      const stillThere = history?.entry(first)?.lostAt === undefined && first.epoch === epoch;
      if (stillThere) {
        accuse("G3", `key ${key} made ${record.position} besides ${known.position}`);
      }
    }
    this.#keys.set(name, { t, position: record.position, lives: offset });
  }

  published(record: PublishedRecord, accuse: Accuse): void {
    const asked = this.#asked.get(`${record.publisher}#${record.n}`);
    if (asked === undefined) {
      accuse("journal", `${record.publisher} was answered what it never asked`);
      return;
    }
    asked.answered = true;
    this.#waiting.delete(asked);
    if (record.outcome !== "stored" || record.position === undefined) return;
    const { channel, key, hash } = asked.record;
    const place = placeOf(record.position);
    const entry = this.#logs.get(channel)?.entry(place);
    if (entry === undefined) {
      accuse("G2", `${key} was acknowledged at ${record.position}, where nothing was stored`);
      return;
    }
    const ours = this.#logs.get(channel)?.channel.written_by === "publishers";
    if (entry.key !== key || (ours && entry.hash !== hash)) {
      accuse("G2", `${key} was acknowledged at ${record.position}, where something else is`);
    }
    if (asked.attempts === 1) this.#keepOrder(asked, entry, accuse);
  }

  #keepOrder(asked: Asked, entry: StoredEntry, accuse: Accuse): void {
    const { publisher, channel, n, line } = asked.record;
    const { epoch, offset } = entry.place;
    const name = `${publisher} ${line} ${channel} ${epoch}`;
    const answered = this.#order.get(name) ?? [];
    if (!asked.disturbed) {
      for (const other of answered) {
        // What was lost says nothing of what took its place.
        if (other.entry.lostAt !== undefined || entry.lostAt !== undefined) continue;
        const { offset: before } = other.entry.place;
        if (other.n < n === before < offset) continue;
        accuse(
          "G1",
          `${publisher} published ${n} and ${other.n} to ${channel} in order, and they stand as ${offset} and ${before}`,
        );
        break;
      }
      answered.push({ n, entry });
    }
    this.#order.set(name, answered);
  }
}

function wantedAs(record: {
  readonly channel: string;
  readonly key?: string;
  readonly event: string;
  readonly hash: string;
}): string {
  return `${record.channel} ${record.key ?? ""} ${record.event} ${record.hash}`;
}
