import { isWildcard, MilepostError, type PresenceList } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import type { Principal } from "../rules/principal.ts";
import type { PresenceDetail } from "../rules/rule.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import { Deadline } from "../runtime/timer-wheel.ts";
import { memberOf } from "./member.ts";
import { PresenceChannel, type PresenceContext } from "./presence-channel.ts";
import type { PresenceWatcher } from "./presence-watcher.ts";
import type { TypingWatcher } from "./typing-watcher.ts";

/** Number of times that a node refreshes its members in the store within `presenceTtlMs`. */
const refreshesPerTtl = 3;
const refreshesAtOnce = 32;
/**
 * Maximum wait for the store when the node closes, in milliseconds. A store that does not answer must not hold
 * up the shutdown.
 */
const closeWaitMs = 2_000;

/**
 * Presence of all channels on one node. Callers of every method must have checked the permission to subscribe.
 */
export class Presences {
  readonly #context: PresenceContext;
  readonly #channels = new Map<string, PresenceChannel>();
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #sweep = new Sweep(() => this.#refresh());
  #closed = false;

  constructor(context: PresenceContext) {
    this.#context = context;
    context.port.listen((broadcast) => this.#channels.get(broadcast.channel)?.receive(broadcast));
  }

  /**
   * Makes a connection's member present and lets the connection watch. Resolves once the member is in the list.
   */
  join(
    resolved: ResolvedChannel,
    principal: Principal,
    subscriber: SharedSubscriber,
  ): Promise<PresenceWatcher> {
    requireOffered(resolved);
    return this.#channel(resolved).join(subscriber, memberOf(principal));
  }

  /**
   * Lets the connection of a bare client know who types. Its member is not present; see {@link enter}.
   */
  watchTyping(
    resolved: ResolvedChannel,
    principal: Principal,
    subscriber: SharedSubscriber,
  ): TypingWatcher {
    return this.#channel(resolved).watchTyping(subscriber, memberOf(principal)?.id);
  }

  /** Makes the member of a bare client present while the client watches, if its credential names one. */
  enter(resolved: ResolvedChannel, principal: Principal, watcher: TypingWatcher): void {
    const member = memberOf(principal);
    if (member !== undefined) this.#channel(resolved).enter(watcher, member);
  }

  /**
   * Reads the list of members from the store. Where the rule offers only the count, the list has no members and
   * no typing.
   */
  async list(resolved: ResolvedChannel): Promise<PresenceList> {
    requireOffered(resolved);
    const { members, ...counted } = await this.#context.port.read(resolved.name);
    const names = detailOf(resolved) === "members";
    return names && members !== undefined ? { ...counted, members } : { ...counted, typing: [] };
  }

  /**
   * Sets whether the principal is typing. Rejects with `not_subscribed` when it is not present, and with
   * `not_supported` where the rule offers only the count.
   */
  async type(resolved: ResolvedChannel, principal: Principal, typing: boolean): Promise<void> {
    requireOffered(resolved);
    if (detailOf(resolved) !== "members") {
      throw new MilepostError(
        "not_supported",
        "the channel's rule offers only a count; typing needs presence: members",
      );
    }
    const id = memberOf(principal)?.id;
    const channel = this.#channels.get(resolved.name);
    if (id === undefined) throw notPresent(resolved.name);
    if (channel?.holds(id) === true) {
      channel.type(id, typing);
      return;
    }
    // A connection of another node may hold the member, so the store decides.
    const { port, holder, ttlMs, typingMs } = this.#context;
    const said = { ttlMs, typing: [{ id, typing }], typingMs };
    const { strangers } = await port.update(resolved.name, holder, said);
    if (strangers.length > 0) throw notPresent(resolved.name);
  }

  /** Sends the last changes to the store and stops. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#context.wheel.clear(this.#sweep);
    const channels = [...this.#channels.values()];
    const settled = Promise.allSettled(channels.map((channel) => channel.settle()));
    await Promise.race([settled, this.#context.wheel.pause(closeWaitMs)]);
    for (const channel of channels) channel.close();
    this.#channels.clear();
  }

  #channel(resolved: ResolvedChannel): PresenceChannel {
    const { name } = resolved;
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const subscribed = this.#subscribe(name);
    const channel = new PresenceChannel(
      name,
      detailOf(resolved) === "members",
      subscribed,
      this.#context,
    );
    this.#channels.set(name, channel);
    subscribed.catch(() => {
      if (this.#channels.get(name) === channel) this.#channels.delete(name);
      channel.lose();
    });
    this.#arm();
    return channel;
  }

  async #subscribe(name: string): Promise<void> {
    await this.#leaving.get(name);
    await this.#context.port.subscribe(name);
  }

  #arm(): void {
    const { wheel, ttlMs } = this.#context;
    if (this.#sweep.dueAt !== undefined || this.#closed || this.#channels.size === 0) return;
    wheel.set(this.#sweep, ttlMs / refreshesPerTtl);
  }

  #forget(channel: PresenceChannel): void {
    const { name } = channel;
    channel.close();
    this.#channels.delete(name);
    const left = this.#context.port.unsubscribe(name).catch(this.#context.onError);
    this.#leaving.set(name, left);
    void left.then(() => {
      if (this.#leaving.get(name) === left) this.#leaving.delete(name);
    });
  }

  /** Drops the channels that this node no longer needs, and refreshes its members in all others. */
  async #refresh(): Promise<void> {
    this.#arm();
    const channels = [...this.#channels.values()];
    for (let i = 0; i < channels.length && !this.#closed; i += refreshesAtOnce) {
      const turn = channels.slice(i, i + refreshesAtOnce);
      await Promise.all(turn.map((channel) => this.#refreshOne(channel)));
    }
  }

  async #refreshOne(channel: PresenceChannel): Promise<void> {
    if (channel.isUnused) {
      this.#forget(channel);
      return;
    }
    try {
      await channel.refresh();
    } catch (error) {
      this.#context.onError(error);
    }
  }
}

/** Throws `not_supported` unless the rule of the channel offers presence. */
export function requireOffered({ rule, name }: ResolvedChannel): void {
  if (rule.presence !== undefined && !isWildcard(name)) return;
  throw new MilepostError(
    "not_supported",
    `the rule of ${name} does not offer presence; set presence in that rule`,
  );
}

/** True if bare clients learn who types in the channel: it is a chat whose members are shown by name. */
export function showsTyping(resolved: ResolvedChannel): boolean {
  const { rule, name } = resolved;
  return rule.projection?.name === "chat" && detailOf(resolved) === "members" && !isWildcard(name);
}

function detailOf({ rule: { presence } }: ResolvedChannel): PresenceDetail | undefined {
  return typeof presence === "object" ? presence.show : presence;
}

function notPresent(channel: string): MilepostError {
  return new MilepostError(
    "not_subscribed",
    `you are not present in ${channel}; subscribe to it with presence: true first`,
  );
}

class Sweep extends Deadline {
  readonly #run: () => Promise<void>;

  constructor(run: () => Promise<void>) {
    super();
    this.#run = run;
  }

  override onDue(): void {
    void this.#run();
  }
}
