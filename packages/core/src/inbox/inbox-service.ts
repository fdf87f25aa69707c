import {
  type ChannelLog,
  type Clock,
  type Inbox,
  type InboxBounds,
  type InboxChange,
  type InboxOwner,
  inboxRetryMs,
  type PendingChange,
  SerialQueues,
} from "@milepost/engine";
import {
  type InboxItem,
  type InboxList,
  type InboxMarked,
  type InboxState,
  toNotification,
} from "@milepost/model";
import { idRule, isId, MilepostError } from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import { readJsonText } from "../input/json-text.ts";
import { type Principal, personOf } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { InboxAnnouncer } from "./inbox-announcer.ts";
import type {
  InboxAddress,
  Inboxes,
  InboxListInput,
  InboxObserver,
  InboxThing,
  SnoozeInput,
} from "./inbox-api.ts";
import { readListInput, readSnooze, requireItems } from "./inbox-input.ts";
import { inboxChannel, inboxOf, itemText, maxItemBytes, roleOf, userOf } from "./inbox-item.ts";
import { rolesOf, syncRoles } from "./inbox-roles.ts";
import { ReturnTimes } from "./return-times.ts";

const dueAtOnce = 100;
const rounds = 20;
const membersAtOnce = 20;
const wholeItems = 100;
const reasonPattern = /^[a-z_]{1,40}$/;

/** Parts of the node that {@link InboxService} uses. */
export interface InboxParts {
  readonly inbox: Inbox;
  readonly log: Pick<ChannelLog, "append" | "snapshot">;
  readonly rules: RuleBook;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly limits: CoreLimits;
  readonly errorLog: ErrorLog;
  readonly instruments: Pick<CoreInstruments, "inboxItems" | "inboxReturns">;
}

/**
 * Inboxes of users and roles. The engine's `Inbox` is the truth; the channel `inbox:{user}` shows its changes.
 *
 * A change that is stored succeeds even if it cannot be announced at once. It is then announced by the next sweep, on
 * whatever node.
 */
export class InboxService implements Inboxes {
  readonly #parts: InboxParts;
  readonly #bounds: InboxBounds;
  readonly #announcer: InboxAnnouncer;
  readonly #times: ReturnTimes;
  readonly #opening = new SerialQueues();
  #closed = false;

  constructor(parts: InboxParts) {
    const { limits, wheel, clock, errorLog } = parts;
    this.#parts = parts;
    this.#announcer = new InboxAnnouncer(parts);
    this.#bounds = {
      maxItems: limits.maxInboxItems,
      maxLength: limits.maxInboxLength,
      maxAgeMs: limits.inboxAgeMs,
    };
    this.#times = new ReturnTimes(wheel, clock, () => this.sweep().catch(errorLog.report));
  }

  observe(observer: InboxObserver): void {
    this.#announcer.observe(observer);
  }

  async list(principal: Principal, user: string, input: InboxListInput = {}): Promise<InboxList> {
    const owner = this.#authorise(principal, user);
    const { filter, before, limit } = readListInput(input);
    if (principal.kind === "user") await this.#sync(user, rolesOf(principal));
    const query = { filter, limit, ...(before !== undefined && { before }) };
    const { items, counts, revision } = await this.#parts.inbox.list(owner, query, this.#bounds);
    const last = items.length < limit ? undefined : items.at(-1);
    return {
      items: items.map((item) => JSON.parse(itemText(item)) as InboxItem),
      counts,
      revision,
      ...(last !== undefined && { next: last.place }),
    };
  }

  async read(
    principal: Principal,
    user: string,
    items: readonly string[] | "all",
  ): Promise<InboxMarked> {
    const owner = this.#authorise(principal, user);
    const ids = items === "all" ? items : requireItems(items);
    const change = await this.#parts.inbox.mark(owner, ids, { read: true }, this.#bounds);
    return this.#marked(owner, change);
  }

  async snooze(
    principal: Principal,
    user: string,
    items: readonly string[],
    input: SnoozeInput,
  ): Promise<InboxMarked> {
    const owner = this.#authorise(principal, user);
    const { clock, inbox } = this.#parts;
    const now = clock.now();
    const snoozedUntil = readSnooze(input, now, this.#bounds.maxAgeMs);
    const mark = { snoozedUntil };
    const change = await inbox.mark(owner, requireItems(items), mark, this.#bounds);
    if (change.marked > 0 && snoozedUntil > now) this.#times.add(snoozedUntil - now);
    return this.#marked(owner, change);
  }

  async put({ users = [], roles = [] }: InboxAddress, thing: InboxThing): Promise<void> {
    const { inbox, instruments } = this.#parts;
    const { id, kind } = thing;
    requireItems([id]);
    const json = orThrow(readJsonText(thing.data, maxItemBytes));
    const put = async (owner: InboxOwner) => {
      const change = await inbox.put(owner, { id, kind, json }, this.#bounds);
      if (change.result === "full") throw tooMany(this.#bounds.maxItems);
      if (change.result === "added") instruments.inboxItems[kind].add(1);
      await this.#deliver(owner, change);
    };
    for (const owner of ownersOf(users, roles)) await put(owner);
  }

  async close({ users = [], roles = [] }: InboxAddress, id: string, reason: string): Promise<void> {
    requireItems([id]);
    if (!reasonPattern.test(reason)) {
      throw new MilepostError(
        "bad_message",
        "the reason must be one word of [a-z_], as in answered",
      );
    }
    for (const owner of ownersOf(users, roles)) {
      const change = await this.#parts.inbox.close(owner, id, reason, this.#bounds);
      await this.#deliver(owner, change);
    }
  }

  /**
   * Puts a notification that was published to a person's channel into the inbox of that user. Does nothing for data
   * without a message.
   */
  async notified(user: string, data: unknown, position: string): Promise<void> {
    const read = toNotification(data, position);
    if (read === undefined || read.id.length > 200) return;
    const { id, level, title, message } = read;
    const shown = { id, level, ...(typeof title === "string" && { title }), message };
    await this.put({ users: [user] }, { id, kind: "notification", data: shown });
  }

  /**
   * Makes the channel of a user's inbox show what the store has and what is addressed to the user's roles. Called before
   * a subscription of that user to it. Errors are reported and not thrown, since the channel has a state of its own.
   */
  async opened(principal: Principal): Promise<void> {
    const { errorLog } = this.#parts;
    const { user } = personOf(principal);
    if (principal.kind !== "user" || user === undefined) return;
    try {
      await this.#sync(user, rolesOf(principal));
      await this.#opening.run(user, () => this.#refresh(user));
    } catch (error) {
      errorLog.report(error);
    }
  }

  /** Brings back items whose snooze is over, and announces changes that were not settled, of all users. */
  async sweep(): Promise<void> {
    const { inbox, instruments } = this.#parts;
    for (let round = 0; round < rounds && !this.#closed; round++) {
      const due = await inbox.due(dueAtOnce);
      for (const owner of due) {
        const change = await inbox.wake(owner, this.#bounds);
        const back = change.pending.filter(({ news }) => news === "back");
        instruments.inboxReturns.add(back.length);
        await this.#deliver(owner, change);
      }
      if (due.length < dueAtOnce) return;
    }
  }

  shutDown(): void {
    this.#closed = true;
    this.#times.close();
  }

  async #marked(
    owner: InboxOwner,
    change: InboxChange & { readonly marked: number },
  ): Promise<InboxMarked> {
    await this.#deliver(owner, change);
    const { marked, counts, revision } = change;
    return { marked, counts, revision };
  }

  /** Announces changes of a user's inbox, or passes those of a role's inbox to its members. Never rejects. */
  async #deliver(owner: InboxOwner, change: InboxChange): Promise<void> {
    const { errorLog, inbox } = this.#parts;
    try {
      let next = change;
      for (let round = 0; next.pending.length > 0 && round < rounds; round++) {
        const user = userOf(owner);
        if (user !== undefined) await this.#announcer.announce(owner, user, next);
        else await this.#passOn(owner, next.pending);
        // A page of pending changes is full only after a change of many items.
        if (next.pending.length < 100) return;
        next = await inbox.wake(owner, this.#bounds);
      }
    } catch (error) {
      // The change is stored, and is announced later.
      this.#times.add(inboxRetryMs);
      errorLog.report(error);
    }
  }

  async #passOn(owner: InboxOwner, changes: readonly PendingChange[]): Promise<void> {
    const { inbox } = this.#parts;
    const role = roleOf(owner) ?? "";
    const members = await inbox.members(owner);
    const pass = async (member: InboxOwner, { id, item, gone }: PendingChange) => {
      if (item !== undefined) {
        const { kind, json } = item;
        return inbox.put(member, { id, kind, json, role }, this.#bounds);
      }
      return inbox.close(member, id, gone ?? "gone", this.#bounds);
    };
    for (const change of changes) {
      for (let from = 0; from < members.length; from += membersAtOnce) {
        const some = members.slice(from, from + membersAtOnce);
        await Promise.all(
          some.map(async (member) => this.#deliver(member, await pass(member, change))),
        );
      }
    }
    await inbox.settle(owner, changes);
  }

  async #sync(user: string, roles: readonly string[]): Promise<void> {
    await syncRoles(user, roles, {
      inbox: this.#parts.inbox,
      bounds: this.#bounds,
      maxMembers: this.#parts.limits.maxRoleMembers,
      deliver: (owner, change) => this.#deliver(owner, change),
    });
  }

  async #refresh(user: string): Promise<void> {
    const { inbox, log, rules } = this.#parts;
    const { name, policy } = rules.of(inboxChannel(user));
    const { snapshot } = await log.snapshot(name, policy);
    const shown = snapshot?.state as InboxState | null | undefined;
    const query = { filter: "all", limit: wholeItems } as const;
    const { items, counts, revision } = await inbox.list(inboxOf(user), query, this.#bounds);
    const before = shown?.revision ?? 0;
    if (revision === before) return;
    const texts: string[] = [];
    let length = 0;
    for (const item of items) {
      length += item.json.length;
      if (length > 262_144) break;
      texts.push(itemText(item));
    }
    await this.#announcer.publishWhole(user, revision, counts, texts, revision < before);
  }

  /** Returns the inbox, or throws `forbidden` unless it is that of the principal. */
  #authorise(principal: Principal, user: string): InboxOwner {
    if (!isId(user)) throw new MilepostError("bad_message", `the user's id ${idRule}`);
    if (principal.kind === "service") requireService(principal, "inbox");
    else if (principal.user !== user) {
      throw new MilepostError("forbidden", "an inbox is open to its user only; use your own id");
    }
    return inboxOf(user);
  }
}

function ownersOf(users: readonly string[], roles: readonly string[]): readonly InboxOwner[] {
  return [
    ...roles.map((role): InboxOwner => `role:${role}`),
    ...users.map((user): InboxOwner => inboxOf(user)),
  ];
}

function tooMany(maxItems: number): MilepostError {
  return new MilepostError(
    "store_full",
    `an inbox has ${maxItems} open questions; answer or withdraw some, or raise maxInboxItems`,
  );
}
