import {
  type Clock,
  type Held,
  type Holding,
  type Holdings,
  type LogPolicy,
  maxBytesOf,
  type NewEntry,
  rollUpName,
  utf8Length,
} from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { shareNameOf } from "../rules/principal.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import { RecentNames } from "../runtime/recent-names.ts";

/** Bytes that an entry, a remembered key and the author of an id each take in the store besides their texts, approximately. */
const overhead = 256;
/** Bytes of a channel that a node adds to the account at once. */
const step = 16_384;
/** Time for which a refusal is repeated without asking the store again, in milliseconds. */
const refusalMs = 1_000;
const keySpanMs = 60_000;
const rememberedPublishers = 2_000;
const rememberedItems = 200;

/** Parts of the node that {@link PublisherShares} uses. */
export interface PublisherSharesParts {
  readonly holdings: Holdings;
  readonly clock: Pick<Clock, "monotonic">;
  readonly limits: Pick<CoreLimits, "maxPublisherBytes" | "maxPublisherChannels">;
  readonly onError: (error: unknown) => void;
}

/** Part of what a publisher holds that this node has not added to the account yet. */
interface Item {
  readonly name: string;
  maxBytes: number;
  keepMs: number;
  bytes: number;
  entries: number;
  /** Time at which the account last learned of the item; undefined before. */
  sentAt: number | undefined;
}

/** Holdings of one publisher, as far as this node knows them. */
class Share {
  /** Total of the account when it last answered. */
  held: Held = { items: 0, bytes: 0, refused: 0 };
  /** Bytes of publishes that are on their way to the log. */
  entering = 0;
  /** Bytes that are in the log and not in the account yet. */
  unsent = 0;
  /** Number of items that the account has not learned of. */
  fresh = 0;
  refusedAt = Number.NEGATIVE_INFINITY;
  asking: Promise<void> | undefined;
  sending: Promise<void> | undefined;
  readonly items = new Map<string, Item>();
}

/**
 * Share of the store that each user or session may fill with what it publishes, over all nodes. All guests together have one
 * share, since a guest can always become another one. Services have none.
 *
 * The account is approximate, and never behind by more than what nodes have not added yet: 16 KiB per channel and node, and
 * what is on its way. An item counts at most what its channel keeps, until its channel would forget it. So a publisher that
 * goes on publishing to the same channels never reaches its share by that alone. The publish itself needs no further round
 * trip: the account learns of it afterwards, in steps.
 */
export class PublisherShares {
  readonly #holdings: Holdings;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #maxBytes: number;
  readonly #maxItems: number;
  readonly #onError: (error: unknown) => void;
  readonly #shares = new RecentNames<Share>(rememberedPublishers);

  constructor({ holdings, clock, limits, onError }: PublisherSharesParts) {
    this.#holdings = holdings;
    this.#clock = clock;
    this.#maxBytes = limits.maxPublisherBytes;
    this.#maxItems = limits.maxPublisherChannels;
    this.#onError = onError;
  }

  /**
   * Reserves room for an entry, until `leave` or `stored`. Returns undefined where there is room. Otherwise returns a promise
   * that settles once the account was asked; it rejects with `store_full` where the entry does not fit.
   */
  enter(channel: string, entry: NewEntry, policy: LogPolicy): Promise<void> | undefined {
    const { publisher } = entry;
    const bytes = sizeOf(entry);
    const share = this.#shareOf(publisher);
    // Nobody overtakes an earlier publish of the same publisher that waits for an answer.
    if (share.asking === undefined && this.#fits(share, channel, bytes)) {
      take(share, channel, bytes);
      return undefined;
    }
    return this.#ask(publisher, share, channel, policy).then(() => {
      if (!this.#fits(share, channel, bytes)) {
        share.refusedAt = this.#clock.monotonic();
        throw this.#full(share);
      }
      take(share, channel, bytes);
    });
  }

  /** Releases what `enter` reserved for an entry that was not stored. */
  leave(channel: string, entry: NewEntry): void {
    const share = this.#shareOf(entry.publisher);
    share.entering = Math.max(0, share.entering - sizeOf(entry));
    const item = share.items.get(channel);
    if (item === undefined || item.bytes > 0 || item.sentAt !== undefined) return;
    share.items.delete(channel);
    share.fresh--;
  }

  /** Counts an entry that was stored, for which `enter` had reserved room. */
  stored(channel: string, entry: NewEntry, policy: LogPolicy): void {
    const { publisher, key } = entry;
    const share = this.#shareOf(publisher);
    const bytes = sizeOf(entry);
    share.entering = Math.max(0, share.entering - bytes);
    const now = this.#clock.monotonic();
    let isDue = this.#add(share, channel, bytes, policy, now);
    const { rollUp } = policy;
    if (rollUp !== undefined) {
      const above = rollUpName(channel, rollUp.segments);
      isDue = this.#add(share, above, bytes, rollUp.policy, now) || isDue;
    }
    if (key !== undefined) {
      const span = `#${Math.floor(now / keySpanMs)}`;
      const kept = {
        ...policy,
        maxBytes: Number.MAX_SAFE_INTEGER,
        maxEntries: Number.MAX_SAFE_INTEGER,
      };
      const keys = { ...kept, maxAgeMs: policy.dedupeMs + keySpanMs };
      isDue = this.#add(share, span, overhead + key.length, keys, now) || isDue;
    }
    if (isDue) void this.#send(publisher, share);
  }

  #shareOf(publisher: string): Share {
    const name = shareNameOf(publisher);
    let share = this.#shares.get(name);
    if (share === undefined) {
      share = new Share();
      this.#shares.set(name, share);
    }
    return share;
  }

  #fits(share: Share, channel: string, bytes: number): boolean {
    const { held, unsent, entering, items, fresh } = share;
    const isKnown = items.has(channel) || held.items + fresh < this.#maxItems;
    return isKnown && held.bytes + unsent + entering + bytes <= this.#maxBytes;
  }

  /** Adds to an item; returns true when the account should learn of it. */
  #add(share: Share, name: string, bytes: number, policy: LogPolicy, now: number): boolean {
    const item = itemOf(share, name);
    item.bytes += bytes;
    item.entries++;
    item.keepMs = policy.maxAgeMs;
    // The log keeps so many entries of the size that these have on average.
    item.maxBytes = Math.min(maxBytesOf(policy), (policy.maxEntries * item.bytes) / item.entries);
    share.unsent += bytes;
    return (
      item.sentAt === undefined || item.bytes >= step || now - item.sentAt > policy.maxAgeMs / 2
    );
  }

  /** Adds all unsent bytes to the account, and reads its total. Calls of one publisher share one run. */
  #send(publisher: string, share: Share): Promise<void> {
    share.sending ??= this.#sendAll(publisher, share)
      .catch(this.#onError)
      .finally(() => {
        share.sending = undefined;
      });
    return share.sending;
  }

  async #sendAll(publisher: string, share: Share): Promise<void> {
    do await this.#sendOnce(publisher, share);
    while ([...share.items.values()].some(isDue));
  }

  async #sendOnce(publisher: string, share: Share): Promise<void> {
    const now = this.#clock.monotonic();
    const due = [...share.items.values()].filter(({ bytes }) => bytes > 0);
    const sent = due.map((item) => ({ item, bytes: item.bytes, sentAt: item.sentAt }));
    const holdings = due.map(holdingOf);
    let total = 0;
    let fresh = 0;
    for (const { item, bytes, sentAt } of sent) {
      if (sentAt === undefined) fresh++;
      total += bytes;
      item.bytes = 0;
      item.entries = 0;
      item.sentAt = now;
    }
    try {
      share.held = await this.#holdings.hold(ownerOf(publisher), holdings, this.#maxItems);
      share.unsent -= total;
      share.fresh -= fresh;
    } catch (error) {
      for (const { item, bytes, sentAt } of sent) {
        item.bytes += bytes;
        item.sentAt = sentAt;
      }
      throw error;
    }
  }

  /** Asks the account whether a channel may be added, unless it has just refused. Calls of one publisher share the answer. */
  #ask(publisher: string, share: Share, channel: string, policy: LogPolicy): Promise<void> {
    if (this.#clock.monotonic() - share.refusedAt < refusalMs) return Promise.resolve();
    share.asking ??= this.#look(publisher, share, channel, policy).finally(() => {
      share.asking = undefined;
    });
    return share.asking;
  }

  async #look(publisher: string, share: Share, channel: string, policy: LogPolicy): Promise<void> {
    if (share.unsent > 0) await this.#send(publisher, share);
    const asked = { item: channel, bytes: 0, maxBytes: 0, keepMs: policy.maxAgeMs };
    // A new channel is recorded only where the publish may follow.
    const isNew = !share.items.has(channel);
    const holdings = isNew ? [asked] : [];
    // Channels of which the account has not learned yet take places, too.
    const maxItems = Math.max(0, this.#maxItems - share.fresh);
    const held = await this.#holdings.hold(ownerOf(publisher), holdings, maxItems);
    share.held = held;
    if (!isNew || held.refused > 0) return;
    const item = itemOf(share, channel);
    if (item.sentAt === undefined) share.fresh--;
    item.sentAt = this.#clock.monotonic();
  }

  #full({ held }: Share): MilepostError {
    const says =
      held.items >= this.#maxItems
        ? `this publisher has ${this.#maxItems} channels with entries, and may not begin another`
        : `this publisher keeps about ${this.#maxBytes} bytes in the store, and may not add more`;
    return new MilepostError("store_full", `${says} until entries expire`);
  }
}

function sizeOf({ json, claim }: NewEntry): number {
  return utf8Length(json) + (claim === undefined ? overhead : 2 * overhead);
}

function ownerOf(publisher: string): string {
  return `publisher ${shareNameOf(publisher)}`;
}

function holdingOf({ name, bytes, maxBytes, keepMs }: Item): Holding {
  return { item: name, bytes, maxBytes: Math.ceil(maxBytes), keepMs };
}

function take(share: Share, channel: string, bytes: number): void {
  itemOf(share, channel);
  share.entering += bytes;
}

function itemOf(share: Share, name: string): Item {
  const { items } = share;
  let item = items.get(name);
  if (item === undefined) {
    item = { name, maxBytes: 0, keepMs: 0, bytes: 0, entries: 0, sentAt: undefined };
    items.set(name, item);
    share.fresh++;
    if (items.size > rememberedItems) forgetSent(items);
  }
  return item;
}

function isDue({ bytes, sentAt }: Item): boolean {
  return bytes >= step || (bytes > 0 && sentAt === undefined);
}

/** Forgets the oldest item of which the account knows everything. */
function forgetSent(items: Map<string, Item>): void {
  for (const [name, { bytes, sentAt }] of items) {
    if (bytes > 0 || sentAt === undefined) continue;
    items.delete(name);
    return;
  }
}
