import type { ChannelHistory, StoredEntry } from "./logs.ts";
import { placeOf } from "./position.ts";
import type { EntryRecord, FaultRecord, PublishedRecord, PublishRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

/** Publish with all its attempts. */
interface Asked {
  readonly record: PublishRecord;
  /**
   * Number of the first attempt of this publish; attempts are numbered consecutively across the whole journal.
   * `lastAsk` is the number of the latest attempt of this publish.
   */
  readonly firstAsk: number;
  lastAsk: number;
  /**
   * True when the store refused requests while this attempt was under way, so that the refusal may have been
   * lost on its way.
   */
  wasRefused: boolean;
  entry: StoredEntry | undefined;
}

/** Checks for invented entries, repeated keys, acknowledged entries that were not stored, and wrong order. */
export class PublishChecks {
  readonly #logs: ReadonlyMap<string, ChannelHistory>;
  readonly #dedupeMs: () => number;
  readonly #asked = new Map<string, Asked>();
  /** Entries that may be stored, by channel, key, event and hash. */
  readonly #wanted = new Set<string>();
  readonly #keys = new Map<string, { t: number; position: string; lives: number }>();
  /** Acknowledged publishes, by publisher, line, channel and epoch. */
  readonly #order = new Map<string, Asked[]>();
  /** Positions of entries that were stored again after their first copy was lost; their order is not judged. */
  readonly #again = new Set<string>();
  #asks = 0;
  readonly #waiting = new Set<Asked>();
  /** Number of store refusals that are in effect. */
  #refusals = 0;

  constructor(logs: ReadonlyMap<string, ChannelHistory>, dedupeMs: () => number) {
    this.#logs = logs;
    this.#dedupeMs = dedupeMs;
  }

  fault({ fault, phase }: FaultRecord): void {
    if (fault !== "store_refuses") return;
    if (phase === "stop") this.#refusals--;
    if (phase !== "start") return;
    this.#refusals++;
    for (const asked of this.#waiting) asked.wasRefused = true;
  }

  publish(record: PublishRecord): void {
    this.#wanted.add(wantedAs(record));
    const id = `${record.publisher}#${record.n}`;
    const ask = ++this.#asks;
    const known = this.#asked.get(id);
    const wasRefused = this.#refusals > 0;
    const asked = known ?? { record, firstAsk: ask, lastAsk: ask, wasRefused, entry: undefined };
    asked.lastAsk = ask;
    asked.wasRefused = wasRefused;
    this.#asked.set(id, asked);
    this.#waiting.add(asked);
  }

  entry(record: EntryRecord, t: number, accuse: Accuse): void {
    const history = this.#logs.get(record.channel);
    const ours = history?.channel.written_by === "publishers";
    if (ours && !this.#wanted.has(wantedAs(record))) {
      accuse("G1", `the entry at ${record.position} was never published`);
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
      } else this.#again.add(`${record.channel} ${record.position}`);
    }
    this.#keys.set(name, { t, position: record.position, lives: offset });
  }

  published(record: PublishedRecord, accuse: Accuse): void {
    const asked = this.#asked.get(`${record.publisher}#${record.n}`);
    if (asked === undefined) {
      accuse("journal", `${record.publisher} received an answer to a publish it never sent`);
      return;
    }
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
    // The gateway ignores an outdated phase of a command and acknowledges it with the head of the log.
    const isIgnored = !ours && asked.record.event === "command" && record.duplicate === true;
    if (isIgnored && entry.key !== key) return;
    if (entry.key !== key || (ours && entry.hash !== hash)) {
      accuse("G2", `${key} was acknowledged at ${record.position}, which holds another entry`);
    }
    if (!this.#again.has(`${channel} ${record.position}`)) this.#keepOrder(asked, entry, accuse);
  }

  /**
   * Checks that two publishes of one line are stored in the order in which they were requested. A publish that
   * was refused and retried has no order against those requested in between.
   */
  #keepOrder(asked: Asked, entry: StoredEntry, accuse: Accuse): void {
    const { publisher, channel, n, line } = asked.record;
    const name = `${publisher} ${line} ${channel} ${entry.place.epoch}`;
    const answered = this.#order.get(name) ?? [];
    this.#order.set(name, answered);
    if (asked.entry !== undefined) return;
    asked.entry = entry;
    for (const other of answered) {
      // An entry that was lost says nothing about the entry that replaced it.
      if (other.entry === undefined || other.entry.lostAt !== undefined) continue;
      if (entry.lostAt !== undefined) break;
      const isAfter = other.lastAsk < asked.firstAsk;
      if (!isAfter && asked.lastAsk > other.firstAsk) continue;
      const [offset, before] = [entry.place.offset, other.entry.place.offset];
      if (isAfter === before < offset) continue;
      // The client did not receive the refusal and sent the publish again over its next connection.
      if ((isAfter ? other : asked).wasRefused) continue;
      const order = isAfter ? `${other.record.n} and ${n}` : `${n} and ${other.record.n}`;
      accuse(
        "G1",
        `${publisher} published ${order} to ${channel} in this order, but they were stored at ${isAfter ? `${before} and ${offset}` : `${offset} and ${before}`}`,
      );
      break;
    }
    answered.push(asked);
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
