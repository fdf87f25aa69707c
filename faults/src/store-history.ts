import type { Fact, JournalRecord } from "@milepost/checker";

/** Log as it stands at the end. */
export interface Log {
  readonly channel: string;
  readonly head: string;
  readonly entries: readonly {
    readonly position: string;
    readonly event: string;
    readonly hash: string;
  }[];
}

/** Part of the logs that a fault may have lost. */
export type Loss = "everything" | "tail" | undefined;

interface Place {
  readonly epoch: string;
  readonly offset: number;
  readonly tag: string;
}

/** Observation that shows that an entry, or a log, existed. */
interface Evidence extends Place {
  /** Index of the record that shows it; the number of records for what the log holds at the end. */
  readonly index: number;
  readonly event?: string;
  readonly hash?: string;
}

interface Insertion {
  readonly index: number;
  readonly fact: Fact;
}

/** Name of the record that marks the time at which a tail was lost, in any channel. */
export const tailLostFault = "lost_a_tail";

/** Owner of all keys: every publisher of the suite uses one credential. */
const owner = "publishers";

/**
 * Completes a journal of what was observed from outside with what the store must have done, entry by entry.
 *
 * An entry was stored no later than the first record that shows it or a later entry. An unobserved entry
 * between others is ascribed to a publish whose outcome its publisher never learned. What the final log
 * contradicts was lost: this is recorded as a loss when the fault may lose it, and otherwise makes the journal
 * contradict itself.
 */
export function withStoreHistory(
  records: readonly JournalRecord[],
  logs: readonly Log[],
  loss: Loss,
): JournalRecord[] {
  const insertions = logs.flatMap((log) => historyOf(log, records, loss));
  const at = new Map<number, Fact[]>();
  for (const { index, fact } of insertions) {
    const there = at.get(index);
    if (there === undefined) at.set(index, [fact]);
    else there.push(fact);
  }
  const whole: JournalRecord[] = [];
  for (let i = 0; i <= records.length; i++) {
    const record = records[i];
    const t = record?.t ?? records.at(-1)?.t ?? 0;
    for (const fact of at.get(i) ?? []) whole.push({ ...fact, t });
    if (record !== undefined) whole.push(record);
  }
  return whole;
}

function historyOf(log: Log, records: readonly JournalRecord[], loss: Loss): Insertion[] {
  const evidence = evidenceOf(log, records);
  const epochs = [...new Set(evidence.map(({ epoch }) => epoch))];
  const unseen = new Unseen(log.channel, records);
  const insertions: Insertion[] = [];
  epochs.forEach((epoch, i) => {
    const own = evidence.filter((seen) => seen.epoch === epoch);
    const next = evidence.find((seen) => seen.epoch === epochs[i + 1]);
    const until = next?.index ?? records.length;
    const began = own[0]?.index ?? 0;
    if (i > 0 && loss === "everything") {
      insertions.push({ index: began, fact: fault("purge", log.channel) });
    }
    insertions.push({ index: began, fact: { type: "life", channel: log.channel, epoch } });
    const isLast = i === epochs.length - 1;
    const [kept, lost] = isLast ? split(own, log) : [own, []];
    const firstLost = Math.min(...lost.map(({ offset }) => offset));
    if (lost.length === 0) {
      insertions.push(...entriesOf(kept, 0, until, log.channel, unseen));
      return;
    }
    const before = kept.filter(({ offset }) => offset < firstLost);
    const after = kept.filter(({ offset }) => offset >= firstLost);
    const mark = records.findIndex((one) => one.type === "fault" && one.fault === tailLostFault);
    const turn = Math.min(mark < 0 ? until : mark, ...after.map(({ index }) => index));
    insertions.push(...entriesOf([...before, ...lost], 0, turn, log.channel, unseen));
    if (loss === "tail") {
      const fact = { ...fault("tail_lost", log.channel), offset: firstLost - 1 };
      insertions.push({ index: turn, fact });
    }
    insertions.push(...entriesOf(after, firstLost - 1, until, log.channel, unseen));
  });
  return insertions;
}

function fault(name: string, channel: string) {
  return { type: "fault", fault: name, phase: "once", channel } as const;
}

/** Splits the evidence into what the log still holds and what it lost or replaced. */
function split(seen: readonly Evidence[], { head, entries }: Log): [Evidence[], Evidence[]] {
  const tags = new Map(
    entries.map(({ position }) => [placeOf(position).offset, placeOf(position).tag]),
  );
  const end = placeOf(head).offset;
  const kept: Evidence[] = [];
  const lost: Evidence[] = [];
  for (const one of seen) {
    const isThere = one.offset <= end && (tags.get(one.offset) ?? one.tag) === one.tag;
    (one.offset === 0 || isThere ? kept : lost).push(one);
  }
  return [kept, lost];
}

/**
 * Returns the entries after an offset, each inserted before the first record that shows it or a later entry.
 */
function entriesOf(
  seen: readonly Evidence[],
  after: number,
  until: number,
  channel: string,
  unseen: Unseen,
): Insertion[] {
  const byOffset = new Map<number, Evidence>();
  const firstSeen = new Map<number, number>();
  for (const one of seen) {
    const { offset, index } = one;
    if (offset <= after) continue;
    if (one.hash !== undefined || !byOffset.has(offset)) byOffset.set(offset, one);
    firstSeen.set(offset, Math.min(index, firstSeen.get(offset) ?? index));
  }
  const head = Math.max(after, ...byOffset.keys());
  const insertions: Insertion[] = [];
  let index = until;
  for (let offset = head; offset > after; offset--) {
    index = Math.min(index, firstSeen.get(offset) ?? index);
    const one = byOffset.get(offset);
    const epoch = seen[0]?.epoch ?? "";
    const tag = one?.tag ?? "unseen";
    const known = one?.hash === undefined ? unseen.take(index) : unseen.seen(one.hash);
    const hash = one?.hash ?? known?.hash ?? "";
    const event = one?.event ?? known?.event ?? "";
    const position = `${epoch}.${offset}.${tag}`;
    const key = known === undefined ? {} : { key: known.key };
    insertions.push({
      index,
      fact: { type: "entry", channel, position, owner, event, hash, ...key },
    });
  }
  return insertions.reverse();
}

interface Asked {
  readonly index: number;
  readonly key: string;
  readonly event: string;
  readonly hash: string;
  /** True once the entry has been observed. */
  isSeen: boolean;
}

/** Requests to publish to one channel. It finds those whose entries were never observed. */
class Unseen {
  readonly #asked = new Map<string, Asked>();

  constructor(channel: string, records: readonly JournalRecord[]) {
    records.forEach((record, index) => {
      if (record.type !== "publish" || record.channel !== channel) return;
      const { key, event, hash } = record;
      if (!this.#asked.has(hash)) this.#asked.set(hash, { index, key, event, hash, isSeen: false });
    });
    for (const record of records) {
      if (record.type === "delivery") this.seen(record.hash);
    }
  }

  /**
   * Returns the publish with this data and marks its entry as observed; undefined when nothing was published
   * with it.
   */
  seen(hash: string): Asked | undefined {
    const asked = this.#asked.get(hash);
    if (asked !== undefined) asked.isSeen = true;
    return asked;
  }

  /** Takes the last publish before a record whose entry was never observed; undefined when there is none. */
  take(before: number): Asked | undefined {
    const candidates = [...this.#asked.values()].filter(
      ({ index, isSeen }) => !isSeen && index < before,
    );
    const asked = candidates.at(-1);
    if (asked !== undefined) asked.isSeen = true;
    return asked;
  }
}

/** Returns every observation about a channel's log, in the order of the journal. */
function evidenceOf(log: Log, records: readonly JournalRecord[]): Evidence[] {
  const { channel } = log;
  const readers = new Set<string>();
  const published = new Map<string, { event: string; hash: string }>();
  const evidence: Evidence[] = [];
  const add = (position: string, index: number, more: { event?: string; hash?: string } = {}) => {
    evidence.push({ ...placeOf(position), index, ...more });
  };
  records.forEach((record, index) => {
    switch (record.type) {
      case "subscribe":
      case "durable":
        if (record.channel === channel) readers.add(record.subscriber);
        return;
      case "publish":
        if (record.channel === channel) {
          published.set(`${record.publisher}#${record.n}`, record);
        }
        return;
      case "published": {
        const what = published.get(`${record.publisher}#${record.n}`);
        if (what === undefined || record.position === undefined) return;
        add(record.position, index, { event: what.event, hash: what.hash });
        return;
      }
      case "subscribed":
      case "reset":
      case "handed":
        if (readers.has(record.subscriber)) add(record.position, index);
        return;
      case "gap":
        if (readers.has(record.subscriber)) add(record.to, index);
        return;
      case "delivery":
        if (readers.has(record.subscriber)) add(record.position, index, record);
        return;
    }
  });
  for (const { position, event, hash } of log.entries) {
    add(position, records.length, { event, hash });
  }
  add(log.head, records.length);
  return evidence;
}

function placeOf(position: string): Place {
  const [epoch = "", offset = "", tag = ""] = position.split(".");
  return { epoch, offset: Number(offset), tag };
}
