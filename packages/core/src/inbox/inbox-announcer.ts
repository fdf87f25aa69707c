import type { ChannelLog, Inbox, InboxChange, InboxOwner, PendingChange } from "@milepost/engine";
import type { InboxCounts, InboxItem } from "@milepost/model";
import type { RuleBook } from "../rules/rule-book.ts";
import type { InboxObserver } from "./inbox-api.ts";
import { inboxChannel, itemText } from "./inbox-item.ts";

/** Publisher of the events of inboxes. */
export const inboxPublisher = "gateway:inbox";
const eventLength = 262_144;

/** Parts of the node that an {@link InboxAnnouncer} uses. */
export interface AnnouncerParts {
  readonly inbox: Pick<Inbox, "settle" | "wake">;
  readonly log: Pick<ChannelLog, "append">;
  readonly rules: RuleBook;
}

/**
 * Publishes the changes of users' inboxes to their channels, and tells the observers of new items.
 *
 * A change is settled in the store after both. If that fails, or the node dies, the change is announced again, so it arrives
 * at least once; its revision tells repetitions apart.
 */
export class InboxAnnouncer {
  readonly #parts: AnnouncerParts;
  readonly #observers: InboxObserver[] = [];
  /** Changes that this node is announcing, by owner, id and revision. */
  readonly #underway = new Set<string>();

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
  }

  observe(observer: InboxObserver): void {
    this.#observers.push(observer);
  }

  /** Announces the pending changes of a user's inbox that are not being announced here already. */
  async announce(owner: InboxOwner, user: string, change: InboxChange): Promise<void> {
    const nameOf = ({ id, revision }: PendingChange) => `${owner} ${revision} ${id}`;
    const pending = change.pending.filter((one) => !this.#underway.has(nameOf(one)));
    if (pending.length === 0) return;
    for (const one of pending) this.#underway.add(nameOf(one));
    try {
      for (const batch of batchesOf(pending)) await this.#publish(user, change, batch);
      for (const one of pending) await this.#tell(user, one);
      await this.#parts.inbox.settle(owner, pending);
    } finally {
      for (const one of pending) this.#underway.delete(nameOf(one));
    }
  }

  /** Publishes the newest items of an inbox, in place of what its channel has. */
  async publishWhole(
    user: string,
    revision: number,
    counts: InboxCounts,
    items: readonly string[],
    isLost: boolean,
  ): Promise<void> {
    const lost = isLost ? ',"lost":true' : "";
    const head = `"revision":${revision},"counts":${JSON.stringify(counts)},"whole":true${lost}`;
    await this.#append(user, `{${head},"items":[${items.join()}]}`);
  }

  async #publish(user: string, state: InboxChange, changes: readonly PendingChange[]) {
    const { revision, counts } = state;
    const items: string[] = [];
    const marks: object[] = [];
    const gone: object[] = [];
    for (const { id, revision, news, item, gone: reason } of changes) {
      if (item === undefined) gone.push({ id, revision, reason: reason ?? "gone" });
      else if (news !== "marked") items.push(itemText(item));
      else {
        const { readAt: read_at, snoozedUntil: snoozed_until } = item;
        marks.push({ id, revision: item.revision, read_at, snoozed_until });
      }
    }
    const head = `"revision":${revision},"counts":${JSON.stringify(counts)}`;
    const parts = [
      head,
      ...(items.length > 0 ? [`"items":[${items.join()}]`] : []),
      ...(marks.length > 0 ? [`"marks":${JSON.stringify(marks)}`] : []),
      ...(gone.length > 0 ? [`"gone":${JSON.stringify(gone)}`] : []),
    ];
    const [first] = changes;
    // Changes that are announced again because they could not be settled need no second entry.
    const key = `${first?.revision}-${changes.at(-1)?.revision}-${changes.length}-${revision}`;
    await this.#append(user, `{${parts.join()}}`, key);
  }

  async #append(user: string, json: string, key?: string): Promise<void> {
    const { log, rules } = this.#parts;
    const { name, policy } = rules.of(inboxChannel(user));
    const entry = { event: "inbox", json, publisher: inboxPublisher };
    await log.append(name, key === undefined ? entry : { ...entry, key }, policy);
  }

  async #tell(user: string, { item, news }: PendingChange): Promise<void> {
    if (item === undefined || (news !== "new" && news !== "back")) return;
    const seen = JSON.parse(itemText(item)) as InboxItem;
    for (const observer of this.#observers) {
      await observer({ user, item: seen, isBack: news === "back" });
    }
  }
}

/** Splits changes so that each event stays below 256 KiB. */
function batchesOf(changes: readonly PendingChange[]): readonly (readonly PendingChange[])[] {
  const batches: PendingChange[][] = [[]];
  let length = 0;
  for (const change of changes) {
    length += change.item?.json.length ?? 0;
    if (length > eventLength) {
      batches.push([]);
      length = change.item?.json.length ?? 0;
    }
    batches.at(-1)?.push(change);
  }
  return batches.filter((batch) => batch.length > 0);
}
