import {
  type InboxCounts,
  type InboxItem,
  type InboxList,
  type InboxMarked,
  type InboxState,
  inboxProjection,
} from "@milepost/model";
import { isRecord, type MilepostError, readPosition, type Snapshot } from "@milepost/protocol";
import type { Subscription } from "../channel/channel.ts";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import { followIdentity, followReopening } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { randomKeys } from "../runtime/random-keys.ts";
import type { InboxHandle, InboxView, SnoozeTime } from "./inbox-view.ts";

const noCounts: InboxCounts = { total: 0, unread: 0, open: 0, snoozed: 0 };
/** Maximum number of ids in one request, and of items on one page. */
const atOnce = 100;

/** Inbox that is folded from the channel `inbox:{user}`, with older pages that were asked for. */
export class LiveInbox implements InboxHandle {
  readonly #client: Client;
  readonly #listeners: ChangeListeners;
  readonly #newKey = randomKeys(Math.random);
  #channel: string | undefined;
  #state: InboxState | undefined;
  /** Items of older pages, by id. They are behind those of the state. */
  #older = new Map<string, InboxItem>();
  #reachedEnd = false;
  #hasNoUser = false;
  #subscription: Subscription | undefined;
  #error: MilepostError | undefined;
  #view: InboxView | undefined;

  constructor(client: Client) {
    this.#client = client;
    // Any valid name will do: the reporter is the client's.
    this.#listeners = new ChangeListeners(reporterOf(client.channel("inbox")), () =>
      this.#follow(),
    );
  }

  getSnapshot(): InboxView {
    this.#view ??= this.#build();
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async read(items: readonly string[] | "all"): Promise<InboxMarked> {
    if (items === "all") return this.#request("inbox.read", { items });
    return this.#inParts(items, (part) => this.#request("inbox.read", { items: part }));
  }

  async snooze(items: readonly string[], time: SnoozeTime): Promise<InboxMarked> {
    const when = "until" in time ? { until: time.until } : { for_ms: time.forMs };
    return this.#inParts(items, (part) => this.#request("inbox.snooze", { items: part, ...when }));
  }

  async loadMore(): Promise<void> {
    const { items, hasMore } = this.getSnapshot();
    const last = items.at(-1);
    if (!hasMore || last === undefined) return;
    const channel = this.#channel;
    const params = { before: last.place, limit: atOnce };
    const page = await this.#request<InboxList>("inbox.list", params);
    if (channel !== this.#channel) return;
    for (const item of page.items) this.#older.set(item.id, item);
    this.#reachedEnd = page.next === undefined;
    this.#changed();
  }

  #follow(): () => void {
    const begin = () =>
      followIdentity(this.#client, ({ user }) => {
        this.#begin(user === undefined ? undefined : `inbox${user.slice(user.indexOf(":"))}`);
        return () => this.#subscription?.close();
      });
    let end = begin();
    const stop = followReopening(this.#client, () => {
      end();
      end = begin();
    });
    return () => {
      stop();
      end();
      this.#subscription = undefined;
      this.#changed();
    };
  }

  #begin(channel: string | undefined): void {
    if (channel !== this.#channel) this.#forget();
    this.#channel = channel;
    this.#hasNoUser = channel === undefined;
    this.#error = undefined;
    if (channel !== undefined) this.#subscription = this.#open(channel);
    this.#changed();
  }

  #open(channel: string): Subscription {
    return this.#client.channel(channel).subscribe({
      onEvent: ({ position, ...entry }) => {
        const offset = readPosition(position)?.offset ?? 0;
        this.#take({ ...entry, offset });
      },
      onSnapshot: ({ snapshot }) => this.#replace(snapshot),
      onReset: ({ snapshot }) => this.#replace(snapshot),
      onState: () => this.#changed(),
      onError: (error) => {
        this.#error = error;
        this.#changed();
      },
    });
  }

  #take(entry: Parameters<typeof inboxProjection.reduce>[1]): void {
    const before = this.#state;
    this.#state = inboxProjection.reduce(before, entry);
    const { items = [], marks = [], gone = [], whole } = isRecord(entry.data) ? entry.data : {};
    if (whole === true) this.#forgetPages();
    for (const { id } of [...(items as InboxItem[]), ...(gone as InboxItem[])]) {
      this.#older.delete(id);
    }
    for (const mark of marks as InboxItem[]) {
      const item = this.#older.get(mark.id);
      if (item === undefined || item.revision >= mark.revision) continue;
      const { snoozed_until: _, ...rest } = item;
      this.#older.set(mark.id, { ...rest, ...mark });
    }
    if (this.#older.size > 0 && before !== undefined) this.#keepFallen(before);
    this.#changed();
  }

  /** Keeps items that newer ones have pushed out of the state, so that the list has no hole before its older pages. */
  #keepFallen({ items }: InboxState): void {
    const known = new Set(this.#state?.items.map(({ id }) => id));
    const gone = new Set(this.#state?.gone.map(({ id }) => id));
    for (const item of items) {
      if (!known.has(item.id) && !gone.has(item.id)) this.#older.set(item.id, item);
    }
  }

  #replace({ projection, state }: Snapshot): void {
    const isState = projection === "inbox" && isRecord(state) && Array.isArray(state.items);
    // The gateway folds with the same reducer, so its state replaces the local one.
    this.#state = isState ? (state as unknown as InboxState) : undefined;
    this.#forgetPages();
    this.#changed();
  }

  #forget(): void {
    this.#state = undefined;
    this.#forgetPages();
  }

  #forgetPages(): void {
    this.#older = new Map();
    this.#reachedEnd = false;
  }

  async #inParts(
    items: readonly string[],
    send: (part: readonly string[]) => Promise<InboxMarked>,
  ): Promise<InboxMarked> {
    let answer = await send(items.slice(0, atOnce));
    let marked = answer.marked;
    for (let from = atOnce; from < items.length; from += atOnce) {
      answer = await send(items.slice(from, from + atOnce));
      marked += answer.marked;
    }
    return { ...answer, marked };
  }

  async #request<Answer = InboxMarked>(method: string, params: object): Promise<Answer> {
    // With a key, the request is sent again when the connection was lost before its answer. Repeating it is harmless.
    const options = { key: this.#newKey() };
    return (await this.#client.request(method as never, params as never, options)) as Answer;
  }

  #build(): InboxView {
    const known = this.#state?.items ?? [];
    const ids = new Set(known.map(({ id }) => id));
    const older = [...this.#older.values()].filter(({ id }) => !ids.has(id));
    const all = [...known, ...older.toSorted((a, b) => b.place - a.place)];
    const { counts = noCounts } = this.#state ?? {};
    const items = all.filter(({ snoozed_until: until }) => until === undefined);
    return {
      status: this.#status(),
      items,
      snoozed: all
        .filter(({ snoozed_until: until }) => until !== undefined)
        .sort((a, b) => (a.snoozed_until ?? 0) - (b.snoozed_until ?? 0)),
      counts,
      hasMore: !this.#reachedEnd && items.length < counts.total,
      error: this.#error,
    };
  }

  #status(): InboxView["status"] {
    if (this.#hasNoUser) return "none";
    if (this.#error !== undefined && this.#error.code !== "cancelled") return "failed";
    const state = this.#subscription?.state;
    // An inbox that never had an item has no state, and the subscription is live without one.
    if (state === "live") return "live";
    return this.#state === undefined ? "loading" : "stale";
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }
}
