import type { Appended, ChannelLog, Clock, Leases, LogPolicy, NewEntry } from "@milepost/engine";
import { MilepostError, type Position } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import { RecentNames } from "../runtime/recent-names.ts";
import type { CompactedEntry, Compactor, Compactors } from "./compactor.ts";

/** Number of entries between two looks at a log, and of entries that are worth a compaction. */
const lookAfter = 64;
const worthEntries = 256;
/** Share of a log's bound in bytes that one node's entries may take before the node compacts the log. */
const worthShare = 8;
const leaseMs = 60_000;
const pageEntries = 1_000;
const maxWaiting = 1_000;
/** Time after a failure for which a log is left alone, so that one bad log does not keep a node busy, in milliseconds. */
const retryAfterMs = 30_000;
const countedChannels = 10_000;
const publisher = "gateway";

/** Parts of the node that {@link Compactions} uses. */
export interface CompactionsParts {
  readonly compactors: Compactors;
  readonly log: Pick<ChannelLog, "append" | "read">;
  readonly leases: Leases;
  readonly clock: Pick<Clock, "monotonic">;
  readonly instruments: Pick<CoreInstruments, "compactions">;
  readonly onError: (error: unknown) => void;
}

interface Waiting {
  readonly channel: string;
  readonly policy: LogPolicy;
  readonly compactor: Compactor;
  /** True to compact however few entries the log has. */
  readonly isUrgent: boolean;
}

/**
 * Compaction of the logs whose rule names a compactor.
 *
 * The node that appends looks at a log after every 64 entries, after much data, and when the log is full. If it is
 * worth it, the node takes the lease `compact:{channel}`, reads the log, and appends what the compactor makes of it; the
 * last of these entries drops what was read. A node that dies in between has dropped nothing, and its lease ends. Two
 * compactions at once would do no harm, because each replaces only what it has read.
 *
 * A node compacts one log at a time. Up to 1,000 logs wait; more are looked at again with their next entries.
 */
export class Compactions {
  readonly #parts: CompactionsParts;
  /** Bytes of data that this node has appended to a channel since its last compaction. */
  readonly #bytes = new RecentNames<number>(countedChannels);
  /** Monotonic time from which on a channel may be compacted again after a failure. */
  readonly #retryAt = new RecentNames<number>(countedChannels);
  readonly #waiting = new Map<string, Waiting>();
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(parts: CompactionsParts) {
    this.#parts = parts;
  }

  /** Throws `bad_message` that names the rules whose compactor does not exist. */
  static check(rules: Iterable<Rule>, compactors: Compactors): void {
    const lines = [...rules].flatMap(({ pattern, compact }) =>
      compact === undefined || Object.hasOwn(compactors, compact)
        ? []
        : [
            `rule ${JSON.stringify(pattern)}: compact names ${JSON.stringify(compact)}; pass a compactor of that name in the option compactors`,
          ],
    );
    if (lines.length > 0) throw new MilepostError("bad_message", lines.join("\n"));
  }

  /** Throws `invalid_event` for an event that only compactions may write to the channel. */
  requirePublishable({ name, rule }: ResolvedChannel, event: string): void {
    if (rule.compact === undefined || this.#compactorOf(rule)?.event !== event) return;
    throw new MilepostError(
      "invalid_event",
      `only the gateway writes ${event} to ${name}; publish another event`,
    );
  }

  /** Appends an entry to a compacted log, and compacts the log later if that is worth it. */
  async append({ name, policy, rule }: ResolvedChannel, entry: NewEntry): Promise<Appended> {
    try {
      const appended = await this.#parts.log.append(name, entry, policy);
      if (!appended.duplicate) {
        const bytes = (this.#bytes.get(name) ?? 0) + entry.json.length;
        this.#bytes.set(name, bytes);
        const isLarge = bytes * worthShare > (policy.maxBytes ?? 0);
        const { offset } = appended.publication.position;
        if (isLarge || offset % lookAfter === 0) this.#request(name, policy, rule, isLarge);
      }
      return appended;
    } catch (error) {
      const isFull = error instanceof MilepostError && error.code === "store_full";
      if (isFull) this.#request(name, policy, rule, true);
      throw error;
    }
  }

  /** Stops; a compaction that is under way ends first. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.clear();
    await this.#running;
    for (const compactor of Object.values(this.#parts.compactors)) await compactor.close?.();
  }

  #compactorOf({ compact = "" }: Rule): Compactor | undefined {
    const { compactors } = this.#parts;
    return Object.hasOwn(compactors, compact) ? compactors[compact] : undefined;
  }

  #request(channel: string, policy: LogPolicy, rule: Rule, isUrgent: boolean): void {
    const compactor = this.#compactorOf(rule);
    if (compactor === undefined || this.#isClosed) return;
    if (this.#parts.clock.monotonic() < (this.#retryAt.get(channel) ?? 0)) return;
    if (this.#waiting.size >= maxWaiting && !this.#waiting.has(channel)) return;
    this.#waiting.set(channel, { channel, policy, compactor, isUrgent });
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    for (const [channel, waiting] of this.#waiting) {
      this.#waiting.delete(channel);
      try {
        if (await this.#compact(waiting)) this.#parts.instruments.compactions.done.add(1);
      } catch (error) {
        this.#parts.instruments.compactions.failed.add(1);
        if (isExpected(error)) continue;
        this.#retryAt.set(channel, this.#parts.clock.monotonic() + retryAfterMs);
        this.#parts.onError(new Error(`cannot compact ${channel}`, { cause: error }));
      }
    }
    // Set where the loop ends, so that no request falls between the two.
    this.#running = undefined;
  }

  /** Compacts a log if that is worth it and no other node does; resolves with true if it was compacted. */
  async #compact({ channel, policy, compactor, isUrgent }: Waiting): Promise<boolean> {
    const { log, leases } = this.#parts;
    const { head, floor } = await log.read(channel, 0, 1, policy);
    const worth = isUrgent ? 2 : Math.min(worthEntries, policy.maxEntries / 2);
    if (head.offset - floor.offset < worth) return false;
    const lease = await leases.acquire(`compact:${channel}`, leaseMs);
    if (lease === undefined) return false;
    try {
      const { entries, last } = await this.#read(channel, policy);
      if (last === undefined) return false;
      const texts = await compactor.compact(entries);
      for (const [index, json] of texts.entries()) {
        const compaction = index === texts.length - 1 ? { replaces: last } : {};
        const entry = { event: compactor.event, json, publisher, compaction };
        await log.append(channel, entry, policy);
      }
      this.#bytes.set(channel, 0);
      return true;
    } finally {
      await leases.release(lease.name, lease.token).catch(this.#parts.onError);
    }
  }

  /** Reads a log up to its present head. */
  async #read(
    channel: string,
    policy: LogPolicy,
  ): Promise<{ readonly entries: readonly CompactedEntry[]; readonly last: Position | undefined }> {
    const entries: CompactedEntry[] = [];
    let last: Position | undefined;
    let end = Number.POSITIVE_INFINITY;
    while ((last?.offset ?? 0) < end) {
      const after = last?.offset ?? 0;
      const page = await this.#parts.log.read(channel, after, pageEntries, policy);
      // The log goes on meanwhile, so reading until there is no newer entry might never end.
      end = Math.min(end, page.head.offset);
      if (page.entries.length === 0) break;
      for (const { event, json, position } of page.entries) {
        entries.push({ event, json });
        last = position;
      }
    }
    return { entries, last };
  }
}

/** True for an error after which the log is compacted by its next entries, or by another node. */
function isExpected(error: unknown): boolean {
  if (!(error instanceof MilepostError)) return false;
  return error.code === "store_unavailable" || error.code === "not_possible_now";
}
