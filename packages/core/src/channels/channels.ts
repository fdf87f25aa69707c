import {
  type Appended,
  type ChannelLog,
  type Clock,
  type Holdings,
  isLocal,
  type NewEntry,
  type Random,
  SerialQueues,
} from "@milepost/engine";
import { type NotificationData, personalChannel, readNotificationFields } from "@milepost/model";
import {
  cutText,
  decodeId,
  endEvent,
  formatPosition,
  type GapReason,
  identifierOf,
  idRule,
  isId,
  JsonText,
  MilepostError,
  messageBounds,
  type Position,
  type Priority,
  parseChannelName,
  parseEventName,
  parseReadableName,
} from "@milepost/protocol";
import type { Compactions } from "../compaction/compactions.ts";
import type { Hub } from "../hub/hub.ts";
import { breakOf } from "../hub/recovery.ts";
import { orThrow, readInput } from "../input/input.ts";
import { readJsonText } from "../input/json-text.ts";
import type { RecentLimits } from "../insight/recent-limits.ts";
import { operationChannel, stateIn } from "../operations/operation-log.ts";
import type { Action } from "../rules/access.ts";
import { requireBound } from "../rules/bound-data.ts";
import { idClaim } from "../rules/bound-ids.ts";
import { requireRole } from "../rules/chat-roles.ts";
import { requireEvent } from "../rules/contract/channel-contract.ts";
import { owns, permissionFor } from "../rules/permissions.ts";
import { type Principal, publisherOf } from "../rules/principal.ts";
import type { ResolvedChannel, RuleBook } from "../rules/rule-book.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { inSpan, type SpanAttributes, spanNames, type Tracer } from "../runtime/tracer.ts";
import type { Signatures } from "../signatures/signatures.ts";
import type { LogReader } from "../store/shared-reads.ts";
import { requireKnown, requireState } from "../store/stale-reads.ts";
import { AppendTurns } from "./append-turns.ts";
import type {
  ChannelService,
  ChannelSnapshot,
  Ended,
  HistoryOptions,
  HistoryPage,
  Published,
  PublishOptions,
} from "./channels-api.ts";
import { requireEncrypted, requireReadable } from "./encrypted-data.ts";
import { endingOf } from "./ending-of.ts";
import { checkEventData, requireExactData, schemaOf } from "./event-data.ts";
import { withEventId } from "./event-id.ts";
import { readHistory } from "./history-page.ts";
import { LaterAppends } from "./later-appends.ts";
import { PublishRates } from "./publish-rates.ts";
import { PublisherShares } from "./publisher-shares.ts";
import { isAway, noRoom, repeatable, Spool } from "./spool.ts";

const readKey = identifierOf(messageBounds.keyLength);
const madeKeyLength = 16;
const maxReasonLength = 1_024;
const maxHistory = 1_000;
/** Length of a text that an attribute of a span takes from a request, in characters. */
const maxAttributeLength = 255;
const priorities: readonly Priority[] = ["high", "normal", "low"];

/**
 * Decision whether a principal may subscribe to a channel. `owned` and `unowned` follow from an operation: it
 * belongs to the principal, in the log with the epoch `life`, or it does not exist or belongs to another.
 */
export type ReadAccess =
  | { readonly kind: "allowed" }
  | { readonly kind: "refused" }
  | { readonly kind: "owned"; readonly operationId: string; readonly life: string }
  | { readonly kind: "unowned"; readonly operationId: string };

/** Parts of the node that {@link Channels} uses. */
export interface ChannelsParts {
  /** Log to which published entries are appended and whose channels can be purged. */
  readonly log: Pick<ChannelLog, "append" | "purge">;
  readonly reads: LogReader;
  readonly rules: RuleBook;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: CoreLimits;
  readonly wheel: TimerWheel;
  readonly signatures: Pick<Signatures, "checkPublication">;
  readonly compactions: Pick<Compactions, "append" | "requirePublishable">;
  readonly instruments: Pick<
    CoreInstruments,
    "publicationsAccepted" | "publicationsRefused" | "publishRateLimits"
  >;
  /** Memory of who reached a limit. */
  readonly limited?: Pick<RecentLimits, "note">;
  readonly holdings: Holdings;
  /** Outage of the store: `isOn` is true while this node works without its store. */
  readonly outage: { readonly isOn: boolean };
  readonly onError: (error: unknown) => void;
  /** Called with the name of a channel whose log was deleted. */
  readonly onPurged: (channel: string) => Promise<void>;
  /** Called with a notification that was stored in the channel of a user, whose id may be encoded in its name. */
  readonly onNotification: (user: string, data: unknown, position: string) => Promise<void>;
  /** Called before a user subscribes to the channel of an inbox. */
  readonly onInbox: (principal: Principal) => Promise<void>;
  readonly tracer: Tracer | undefined;
}

/**
 * Methods for channels, each called on behalf of a principal. Every method checks names, data and permissions.
 */
export class Channels implements ChannelService {
  readonly #log: ChannelsParts["log"];
  readonly #reads: LogReader;
  readonly #rules: RuleBook;
  readonly #hub: Hub;
  readonly #random: Random;
  readonly #limits: CoreLimits;
  readonly #wheel: TimerWheel;
  readonly #rates: PublishRates;
  readonly #clock: Clock;
  readonly #signatures: ChannelsParts["signatures"];
  readonly #compactions: ChannelsParts["compactions"];
  readonly #spool: Spool;
  readonly #later: LaterAppends;
  readonly #turns = new AppendTurns();
  readonly #shares: PublisherShares;
  readonly #instruments: ChannelsParts["instruments"];
  readonly #onPurged: (channel: string) => Promise<void>;
  readonly #onNotification: ChannelsParts["onNotification"];
  readonly #onInbox: ChannelsParts["onInbox"];
  readonly #tracer: Tracer | undefined;
  #closed = false;
  /**
   * Queues of waiting publishes, by channel: a publish that waits for its schema or for the store, and all
   * later publishes to the same channel.
   */
  readonly #waiting = new SerialQueues();

  constructor({
    log,
    reads,
    rules,
    hub,
    clock,
    random,
    limits,
    wheel,
    signatures,
    compactions,
    instruments,
    limited,
    holdings,
    outage,
    onError,
    onPurged,
    onNotification,
    onInbox,
    tracer,
  }: ChannelsParts) {
    this.#tracer = tracer;
    this.#shares = new PublisherShares({ holdings, clock, limits, onError });
    this.#instruments = instruments;
    this.#onPurged = onPurged;
    this.#onNotification = onNotification;
    this.#onInbox = onInbox;
    this.#log = log;
    this.#reads = reads;
    this.#rules = rules;
    this.#hub = hub;
    this.#random = random;
    this.#limits = limits;
    this.#wheel = wheel;
    this.#rates = new PublishRates(clock, instruments, limited);
    this.#clock = clock;
    this.#signatures = signatures;
    this.#compactions = compactions;
    const pause = (ms: number) => wheel.pause(ms);
    this.#spool = new Spool(clock, pause);
    const spool = this.#spool;
    this.#later = new LaterAppends({ log, outage, spool, clock, random, pause, onError });
  }

  /** Number of publishes in the spool, which holds them until they are stored. */
  get spooled(): number {
    return this.#spool.size;
  }

  /** Number of characters of large publishes that wait for their turn. */
  get waitingLength(): number {
    return this.#turns.waiting;
  }

  /** Resolves once what this node has shown during an outage is in the log, or after 5 s. */
  settled(): Promise<void> {
    return this.#later.settled();
  }

  /** Makes every later call fail with `shutting_down`, since the node is about to close its store. */
  close(): void {
    this.#closed = true;
    this.#later.close();
  }

  /** Resolves the name of a channel or a roll-up to its rule and policy; throws if the name is invalid. */
  resolve(channel: string): ResolvedChannel {
    return this.#rules.of(orThrow(parseReadableName(channel)));
  }

  /**
   * Decides whether the principal may perform the action on the channel. Returns a promise only where an
   * operation must be looked up first.
   */
  permits(
    principal: Principal,
    resolved: ResolvedChannel,
    action: Action,
    connectionId?: string,
  ): boolean | Promise<boolean> {
    const permission = permissionFor(principal, resolved, action, connectionId);
    if (permission === "allowed") return true;
    if (permission === "refused") return false;
    return this.#ownedLife(principal, permission.ownerOf).then((life) => life !== undefined);
  }

  /** True if the principal may subscribe to the channel, and nothing must be looked up or prepared for that. */
  mayReadAtOnce(
    principal: Principal,
    resolved: ResolvedChannel,
    connectionId: string | undefined,
  ): boolean {
    if (this.#closed || resolved.rule.projection?.name === "inbox") return false;
    return permissionFor(principal, resolved, "subscribe", connectionId) === "allowed";
  }

  /**
   * Decides whether the principal may subscribe to the channel, and why. An operation that does not exist and
   * one that belongs to somebody else have the same result.
   */
  async readAccess(
    principal: Principal,
    resolved: ResolvedChannel,
    connectionId?: string,
  ): Promise<ReadAccess> {
    this.#refuseWhenClosed();
    const permission = permissionFor(principal, resolved, "subscribe", connectionId);
    if (permission === "allowed" && resolved.rule.projection?.name === "inbox") {
      await this.#onInbox(principal);
    }
    if (permission === "allowed" || permission === "refused") return { kind: permission };
    const operationId = permission.ownerOf;
    const life = await this.#ownedLife(principal, operationId);
    return life === undefined
      ? { kind: "unowned", operationId }
      : { kind: "owned", operationId, life };
  }

  /** Rejects with `forbidden` unless the principal may perform the action on the channel. */
  async authorise(
    principal: Principal,
    resolved: ResolvedChannel,
    action: Action,
    connectionId?: string,
  ): Promise<void> {
    this.#refuseWhenClosed();
    const permitted = await this.permits(principal, resolved, action, connectionId);
    if (!permitted) throw forbidden(action, resolved.name);
  }

  /**
   * Publishes an event. Entries are appended in call order, unless the rule requires the lookup of an operation
   * first. A publish waits while an earlier publish to its channel waits for a schema or, in the spool, for the
   * store.
   */
  publish(
    principal: Principal,
    channel: string,
    event: string,
    content: unknown,
    options: PublishOptions = {},
  ): Promise<Published> {
    const tracer = this.#tracer;
    if (tracer === undefined) return this.#publish(principal, channel, event, content, options);
    const span = tracer.start(spanNames.publish, {
      parent: options.traceparent ?? principal.traceparent,
      attributes: aboutPublish(principal, channel, event),
    });
    return inSpan(
      span,
      () => this.#publish(principal, channel, event, content, options, span.traceparent),
      ({ position, duplicate }) => ({
        "milepost.position": position,
        "milepost.duplicate": duplicate,
      }),
    );
  }

  async #publish(
    principal: Principal,
    channel: string,
    event: string,
    content: unknown,
    options: PublishOptions,
    traceparent?: string,
  ): Promise<Published> {
    // The metrics are updated here and not in a wrapper function, whose own await would delay every publish.
    try {
      this.#refuseWhenClosed();
      const resolved = this.#rules.of(orThrow(parseChannelName(channel)));
      const name = orThrow(parseEventName(event));
      const permitted = this.permits(principal, resolved, "publish");
      if (permitted !== true && !(await permitted)) throw forbidden("publish", channel);
      const { priority, sig, eventId } = options;
      const key = options.key ?? eventId;
      if (key !== undefined) {
        const read = readKey(key);
        if (!read.ok) throw new MilepostError("bad_message", `key ${read.failure.message}`);
      }
      if (priority !== undefined && !priorities.includes(priority)) {
        throw new MilepostError("bad_message", `priority must be one of ${priorities.join(", ")}`);
      }
      const data =
        eventId === undefined ? content : withEventId(content, eventId, sig !== undefined);
      const json = orThrow(readJsonText(data, this.#limits.maxMessageBytes));
      requireBound(resolved.rule, principal, json);
      this.#rates.take(principal, channel, resolved.rule);
      const publisher = publisherOf(principal);
      const claim = idClaim(resolved.rule, principal, { event: name, json, data });
      const entry: { -readonly [Field in keyof NewEntry]: NewEntry[Field] } = {
        event: name,
        json,
        publisher,
      };
      if (claim !== undefined) entry.claim = claim;
      if (key !== undefined) entry.key = key;
      if (priority !== undefined) entry.priority = priority;
      if (sig !== undefined) entry.sig = sig;
      if (traceparent !== undefined) entry.traceparent = traceparent;
      this.#compactions.requirePublishable(resolved, name);
      if (resolved.events !== undefined) requireEvent(resolved.events, channel, name);
      const schema = schemaOf(resolved, name);
      // Data from JavaScript's own values cannot change in this way.
      if (data instanceof JsonText)
        requireExactData(schema, resolved.policy.projection, name, json);
      if (resolved.rule.encrypted !== undefined) {
        requireEncrypted(resolved.rule.encrypted, name, json);
      }
      requireReadable(resolved.policy.projection, name, json);
      const signed =
        sig === undefined
          ? undefined
          : this.#signatures.checkPublication(principal, { channel, event: name, json, key, sig });
      // Nobody awaits it yet if the schema throws.
      signed?.catch(() => {});
      const fits = schema && checkEventData(schema, name, json, this.#wheel);
      fits?.catch(() => {});
      // Data of a wrong form are refused as such, so this check comes after the schema's.
      requireRole(resolved, principal, name, json);
      const checked = signed === undefined ? fits : bothOf(signed, fits);
      const { publication, duplicate } =
        principal.kind === "service"
          ? await this.#append(resolved, entry, checked)
          : await this.#appendWithin(resolved, entry, checked);
      if (!duplicate) this.#instruments.publicationsAccepted.add(1);
      const { position } = publication;
      const published = { channel, position: formatPosition(position), duplicate };
      const user = name === "notification" ? userOfChannel(channel) : undefined;
      // A repeated publish tries again what may have failed.
      if (user !== undefined && !isLocal(position)) {
        await this.#onNotification(user, JSON.parse(json), published.position);
      }
      if (!isLocal(position)) return published;
      const isLater = resolved.policy.isAppendedLater === true;
      return { ...published, local: true, ...(isLater ? { spooled: true } : {}) };
    } catch (error) {
      const code = error instanceof MilepostError ? error.code : "internal";
      this.#instruments.publicationsRefused[code].add(1);
      throw error;
    }
  }

  /**
   * Ends a channel after the publishes that are already pending. For a channel that has ended before, the
   * result describes its first end with that end's reason.
   */
  async end(principal: Principal, channel: string, reason = "complete"): Promise<Ended> {
    this.#refuseWhenClosed();
    const resolved = this.#rules.of(orThrow(parseChannelName(channel)));
    const permitted = this.permits(principal, resolved, "end");
    if (permitted !== true && !(await permitted)) throw forbidden("end", channel);
    if (typeof reason !== "string" || reason === "" || reason.length > maxReasonLength) {
      throw new MilepostError(
        "bad_message",
        `reason must be a string of 1 to ${maxReasonLength} characters`,
      );
    }
    const entry = {
      event: endEvent,
      json: JSON.stringify({ reason }),
      publisher: publisherOf(principal),
    };
    const { publication, duplicate } = await this.#append(resolved, entry);
    const { position, reason: kept } = endingOf(publication);
    return { channel, position, reason: kept, duplicate };
  }

  async history(
    principal: Principal,
    channel: string,
    options: HistoryOptions = {},
  ): Promise<HistoryPage> {
    this.#refuseWhenClosed();
    const resolved = this.resolve(channel);
    await this.authorise(principal, resolved, "history");
    const { limit = 100 } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > maxHistory) {
      throw new MilepostError("bad_message", `limit must be an integer from 1 to ${maxHistory}`);
    }
    return readHistory(this.#reads, resolved, options);
  }

  /** Returns the reason why a reader cannot continue at a position; undefined if it can. */
  async breakAt(
    { name, policy }: ResolvedChannel,
    position: Position,
  ): Promise<GapReason | undefined> {
    const slice = await this.#reads.read(name, Math.max(0, position.offset - 1), 1, policy);
    const reason = breakOf(position, slice, this.#limits.maxReplayEntries);
    if (reason !== undefined) requireKnown(slice);
    return reason;
  }

  async snapshot(principal: Principal, channel: string): Promise<ChannelSnapshot> {
    this.#refuseWhenClosed();
    const resolved = this.resolve(channel);
    await this.authorise(principal, resolved, "history");
    const look = await this.#reads.snapshot(channel, resolved.policy);
    const { position, snapshot, end, stale } = requireState(look, resolved.policy);
    return {
      channel,
      position: formatPosition(position),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(end === undefined ? {} : { end: endingOf(end) }),
      ...(stale === undefined ? {} : { stale }),
    };
  }

  /**
   * Deletes the channel's log. Subscribers on this node are notified at once, subscribers on other nodes at
   * their next position check.
   */
  async purge(principal: Principal, channel: string): Promise<void> {
    this.#refuseWhenClosed();
    const { name, policy } = this.resolve(channel);
    if (principal.kind !== "service") throw forbidden("purge", name);
    requireService(principal, "purge", name);
    await this.#log.purge(name, policy);
    await this.#hub.check(name);
    await this.#onPurged(name);
  }

  async notify(
    principal: Principal,
    userId: string,
    notification: NotificationData,
  ): Promise<Published> {
    if (principal.kind !== "service") throw forbidden("publish", "user:…");
    if (!isId(userId)) throw new MilepostError("bad_message", `the user's id ${idRule}`);
    const read = orThrow(readInput(notification, readNotificationFields));
    const { id = this.#random.id(16), level = "info" } = read;
    const options = { key: `notification:${id}` };
    const data = { ...read, id, level };
    const channel = personalChannel(userId);
    const published = await this.publish(principal, channel, "notification", data, options);
    // A channel whose name has a hash of the id does not say whose it is.
    if (userOfChannel(channel) === undefined && published.local !== true) {
      await this.#onNotification(userId, data, published.position);
    }
    return published;
  }

  #refuseWhenClosed(): void {
    if (this.#closed)
      throw new MilepostError("shutting_down", "this node has shut down; retry on another node");
  }

  /** Appends an entry within the publisher's share of the store. */
  async #appendWithin(
    resolved: ResolvedChannel,
    entry: NewEntry,
    checked: Promise<void> | undefined,
  ): Promise<Appended> {
    const { name, policy } = resolved;
    const entered = this.#shares.enter(name, entry, policy);
    if (entered !== undefined) {
      // Nobody awaits a rejected check until the publish's turn comes.
      checked?.catch(() => {});
      await entered;
    }
    let appended: Appended | undefined;
    try {
      appended = await this.#append(resolved, entry, checked);
      return appended;
    } finally {
      const isStored = appended?.duplicate === false && !isLocal(appended.publication.position);
      if (isStored) this.#shares.stored(name, entry, policy);
      else this.#shares.leave(name, entry);
    }
  }

  /** Appends an entry: at once, or after earlier publishes to the channel if some of them are waiting. */
  #append(resolved: ResolvedChannel, entry: NewEntry, checked?: Promise<void>): Promise<Appended> {
    const { name, policy, rule } = resolved;
    const isLater = policy.isAppendedLater === true;
    const isSpooled = isLater || rule.outage === "spool";
    const isPlain = !isSpooled && checked === undefined && policy.compacted !== true;
    if (isPlain && this.#turns.isFree(entry.json.length) && !this.#waiting.isBusy(name)) {
      return this.#log.append(name, entry, policy);
    }
    // The key prevents a second copy when the entry was stored but the store's answer was lost.
    const kept = isSpooled && entry.key === undefined ? { ...entry, key: this.#madeKey() } : entry;
    const { publisher, json } = kept;
    const store = (one: NewEntry) =>
      policy.compacted === true
        ? this.#compactions.append(resolved, one)
        : this.#log.append(name, one, policy);
    const send = (one: NewEntry) => this.#turns.run(publisher, name, json.length, () => store(one));
    let append = () => send(kept);
    if (isLater) append = this.#later.of(name, kept, policy);
    else if (isSpooled) append = repeatable((tag) => send({ ...kept, tag }), kept, this.#random);
    if (checked === undefined && !this.#waiting.isBusy(name)) {
      return isSpooled ? this.#orSpool(name, kept.json.length, append) : append();
    }
    // A rejected check is reported when the publish's turn comes. Until then nobody awaits it, so this handler
    // avoids an unhandled rejection.
    checked?.catch(() => {});
    const since = this.#clock.monotonic();
    const length = isSpooled ? kept.json.length : 0;
    if (isSpooled && !this.#spool.enter(length)) return Promise.reject(noRoom(name));
    const stored = this.#waiting.run(name, async () => {
      await checked;
      return isSpooled ? this.#spool.append(append, since) : append();
    });
    return isSpooled ? stored.finally(() => this.#spool.leave(length)) : stored;
  }

  /**
   * Appends at once. While the store is unavailable, the append moves to the spool and is retried, and later
   * publishes to the channel wait for it. Rethrows the store's error when the spool is full.
   */
  async #orSpool(name: string, length: number, append: () => Promise<Appended>): Promise<Appended> {
    const since = this.#clock.monotonic();
    try {
      return await append();
    } catch (error) {
      if (!isAway(error) || !this.#spool.enter(length)) throw error;
      try {
        return await this.#waiting.run(name, () => this.#spool.append(append, since));
      } finally {
        this.#spool.leave(length);
      }
    }
  }

  #madeKey(): string {
    return `gateway:${this.#random.id(madeKeyLength)}`;
  }

  /**
   * Returns the epoch of the operation's log if the operation belongs to the principal, otherwise undefined. The
   * id comes from a client, so the look-up begins no log.
   */
  async #ownedLife(principal: Principal, operationId: string): Promise<string | undefined> {
    const { name, policy } = this.#rules.of(operationChannel(operationId));
    const found = stateIn(await this.#reads.peek(name, policy));
    return found !== undefined && owns(principal, found.state) ? found.position.epoch : undefined;
  }
}

/** Returns the attributes of the span of a publish, whose names are not checked yet. */
function aboutPublish(principal: Principal, channel: unknown, event: unknown): SpanAttributes {
  return {
    "messaging.system": "milepost",
    "messaging.destination.name": cutText(String(channel), maxAttributeLength),
    "milepost.event": cutText(String(event), maxAttributeLength),
    "milepost.publisher": publisherOf(principal),
  };
}

/** Returns the user whose channel it is; undefined for other channels, and where the name has a hash of the id. */
function userOfChannel(channel: string): string | undefined {
  const [prefix, segment = "", ...rest] = channel.split(":");
  return prefix === "user" && rest.length === 0 ? decodeId(segment) : undefined;
}

/** Waits for both checks, and rejects as the first that does. */
async function bothOf(first: Promise<void>, second: Promise<void> | undefined): Promise<void> {
  await Promise.all([first, second]);
}

/** Creates the `forbidden` error. Its message is the same whether the channel exists or not. */
export function forbidden(action: string, channel: string): MilepostError {
  return new MilepostError(
    "forbidden",
    `the credential does not allow this: ${action} ${channel}; the channel's rule or the token must grant it`,
  );
}
