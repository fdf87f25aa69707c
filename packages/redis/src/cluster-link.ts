import { SerialQueues, type StoreMemory } from "@milepost/engine";
import { type ClusterMap, readClusterMap } from "./cluster-map.ts";
import { hashSlot } from "./hash-slot.ts";
import { defaultDeadlines, type LinkDeadlines } from "./link-deadlines.ts";
import { LinkHealth } from "./link-health.ts";
import type { Endpoint, RedisAddress } from "./redis-address.ts";
import type { LinkListener, RedisLink } from "./redis-link.ts";
import { isRefusal } from "./redis-refusal.ts";
import type { Script } from "./script.ts";
import { ServerLink } from "./server-link.ts";
import { maxRedirects, movedTo, noOwner, SlotQueues } from "./slot-queues.ts";

const refreshAgainMs = 1_000;
/** Maximum number of keys tried until one is in a slot of a master. With fair shares a few are enough. */
const maxKeysTried = 1_000;
/**
 * Interval at which the cluster map is read when nothing else triggers a read, in milliseconds. A moved slot to
 * which nothing is published is noticed after at most this time.
 */
const refreshAnywayMs = 10_000;

/**
 * Keeps one link to each master of a cluster.
 *
 * A call goes to the master of its hash tag. Calls of one channel keep their order when its slot moves. A call
 * that the old master redirects was not run there, and goes to the new owner before all later calls. The later
 * calls wait until the old master has answered all calls of the slot. While a slot is moving, Redis refuses a
 * call that touches keys on both masters. The link then rejects the call with `store_unavailable`, and nothing
 * was run. Publications travel by sharded pub/sub.
 *
 * The link counts as connected while every master is connected, and as taking writes while every master does. When a master is lost or slots move, the link
 * reads the map again and subscribes to the moved channels at their new owner. It then calls `onDisrupted`,
 * because messages may have been lost.
 */
export class ClusterLink implements RedisLink {
  readonly publishCommand = "SPUBLISH";
  readonly watch = new LinkHealth();
  readonly #prefix: string;
  readonly #address: RedisAddress;
  readonly #onError: (error: unknown) => void;
  readonly #deadlines: LinkDeadlines;
  readonly #onRefused: ((error: unknown) => void) | undefined;
  readonly #links = new Map<string, ServerLink>();
  /**
   * Name (`host:port`) of the master at which each bus channel is subscribed. The name is empty once that
   * master dropped the subscription.
   */
  readonly #wanted = new Map<string, string>();
  /** One queue per bus channel, which keeps its subscribes and unsubscribes in order. */
  readonly #queues = new SerialQueues();
  readonly #calls = new SlotQueues<ServerLink>({
    masterOf: (slot) => this.#masterOf(slot),
    follow: (slot, from, to) => this.#followMove(slot, from, to),
  });
  #map: ClusterMap = { masters: new Map(), owners: [] };
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshAt = Number.POSITIVE_INFINITY;
  #listener: LinkListener | undefined;
  #downSince: number | undefined = performance.now();
  /** True once all masters have been connected at the same time. */
  #hasJoined = false;
  #closed = false;

  private constructor(
    address: RedisAddress,
    onError: (error: unknown) => void,
    deadlines: LinkDeadlines,
    prefix: string,
    onRefused: ((error: unknown) => void) | undefined,
  ) {
    this.#prefix = prefix;
    this.#onRefused = onRefused;
    this.#address = address;
    this.#onError = onError;
    this.#deadlines = deadlines;
  }

  /**
   * Connects to all masters; rejects with the reason when one cannot be reached. A link with `onRefused` waits for
   * those that are absent. It calls `onRefused` when a server that came refuses the link before all masters have ever
   * been connected.
   */
  static async open(
    address: RedisAddress,
    onError: (error: unknown) => void,
    deadlines = defaultDeadlines,
    prefix = "milepost",
    onRefused?: (error: unknown) => void,
  ): Promise<ClusterLink> {
    const link = new ClusterLink(address, onError, deadlines, prefix, onRefused);
    try {
      await link.#read();
      for (const opened of await link.#connect()) {
        if (opened.status === "rejected") throw opened.reason;
      }
      link.#settle();
      link.#refreshIn(refreshAnywayMs);
    } catch (error) {
      if (onRefused === undefined || isRefusal(error)) {
        await link.close();
        throw error;
      }
      link.#onLinkError(error);
    }
    return link;
  }

  get downSince(): number | undefined {
    return this.#downSince;
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.#calls.run(hashSlot(keys[0] ?? ""), (link) => link.run(script, keys, args));
  }

  async memory(): Promise<StoreMemory> {
    const servers = await Promise.all([...this.#links.values()].map((link) => link.memory()));
    const [first, ...others] = servers;
    if (first === undefined) throw new Error("the cluster has no servers");
    return others.reduce(
      (fullest, server) => (fill(server) > fill(fullest) ? server : fullest),
      first,
    );
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#calls.run(hashSlot(keys[0] ?? ""), (link) => link.remove(keys));
  }

  async subscribe(busChannels: readonly string[]): Promise<void> {
    const subscribed = await Promise.allSettled(
      busChannels.map((busChannel) => this.#queues.run(busChannel, () => this.#add(busChannel))),
    );
    const failed = subscribed.find(({ status }) => status === "rejected");
    if (failed?.status !== "rejected") return;
    await this.unsubscribe(busChannels).catch(this.#onError);
    throw failed.reason;
  }

  async unsubscribe(busChannels: readonly string[]): Promise<void> {
    await Promise.all(
      busChannels.map((busChannel) =>
        this.#queues.run(busChannel, async () => {
          const name = this.#wanted.get(busChannel);
          this.#wanted.delete(busChannel);
          await this.#links.get(name ?? "")?.unsubscribe([busChannel]);
        }),
      ),
    );
  }

  now(): number | undefined {
    const [link] = this.#links.values();
    return link?.now();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  /**
   * Resolves once the map has been read after the master `from` redirected a call of the slot. Rejects when no
   * map can be read.
   */
  async #followMove(slot: number, from: ServerLink, to: Endpoint): Promise<void> {
    const owner = this.#masterOf(slot);
    const wasRead = owner !== undefined && owner !== from && this.#refreshing === undefined;
    if (!wasRead) await this.#refreshMap(to);
  }

  /** Reads the map again, and adapts links and subscriptions to it. Concurrent callers share one read. */
  #refreshMap(first?: Endpoint): Promise<void> {
    this.#refreshing ??= this.#follow(first).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Reads the map and adapts links and subscriptions to it. Rejects only when the map cannot be read: one
   * unreachable master must not affect the others.
   */
  async #follow(first?: Endpoint): Promise<void> {
    await this.#read(first);
    for (const opened of await this.#connect()) {
      if (opened.status === "rejected") this.#onLinkError(opened.reason);
    }
    for (const [name, link] of [...this.#links]) {
      if (this.#map.masters.has(name)) continue;
      this.#links.delete(name);
      await link.close();
    }
    this.#settle();
    this.#resubscribe();
  }

  /** Moves the subscriptions of moved slots to the new owners. */
  #resubscribe(): void {
    const hasMoved = ([busChannel, from]: [string, string]) => from !== this.#owner(busChannel);
    const moved = [...this.#wanted].filter(hasMoved).map(([busChannel]) => busChannel);
    if (moved.length === 0) return;
    const subscribed = moved.map((busChannel) =>
      this.#queues.run(busChannel, async () => {
        const from = this.#wanted.get(busChannel);
        if (from === undefined || from === this.#owner(busChannel)) return;
        // The old master has dropped the subscription already or is gone, so a failure does not matter.
        await this.#links
          .get(from)
          ?.unsubscribe([busChannel])
          .catch(() => {});
        await this.#add(busChannel);
      }),
    );
    Promise.all(subscribed).then(() => this.#listener?.onDisrupted(), this.#onLinkError);
  }

  /**
   * Subscribes to a bus channel at the master of its slot. When that master redirects, subscribes at the new
   * owner, after at most `maxRedirects` redirects.
   */
  async #add(busChannel: string): Promise<void> {
    for (let redirects = 0; ; redirects++) {
      // The map may name a new owner whose link is still being opened.
      if (!this.#links.has(this.#owner(busChannel))) await this.#refreshing?.catch(() => {});
      const name = this.#owner(busChannel);
      const link = this.#links.get(name);
      if (link === undefined) throw noOwner();
      try {
        await link.subscribe([busChannel]);
        this.#wanted.set(busChannel, name);
        return;
      } catch (error) {
        const to = movedTo(error);
        if (to === undefined || redirects >= maxRedirects) throw error;
        await this.#followMove(hashSlot(busChannel), link, to).catch((cause: unknown) => {
          throw noOwner(cause);
        });
      }
    }
  }

  #masterOf(slot: number): ServerLink | undefined {
    return this.#links.get(this.#map.owners[slot] ?? "");
  }

  /** Returns any key of a slot that a master serves by the map; undefined when it serves none. */
  #keyAt(name: string): string | undefined {
    for (let i = 0; i < maxKeysTried; i++) {
      const key = `${this.#prefix}:canary:${i}`;
      if (this.#owner(key) === name) return key;
    }
    return undefined;
  }

  #owner(key: string): string {
    return this.#map.owners[hashSlot(key)] ?? "";
  }

  async #read(first?: Endpoint): Promise<void> {
    const known = [...this.#map.masters.values(), ...this.#address.endpoints];
    // The new owner of a slot learns of the move before the other nodes, so it is asked first. Some clusters do
    // not name its host in the redirect.
    if (first !== undefined && first.host !== "") known.unshift(first);
    this.#map = await readClusterMap(this.#address, known, this.#deadlines.mapMs);
  }

  /** Opens links, in parallel, to the masters that have none. */
  #connect(): Promise<PromiseSettledResult<void>[]> {
    const missing = [...this.#map.masters].filter(([name]) => !this.#links.has(name));
    return Promise.allSettled(missing.map(([name, endpoint]) => this.#open(name, endpoint)));
  }

  async #open(name: string, endpoint: Endpoint): Promise<void> {
    const link: ServerLink = await ServerLink.open({
      address: this.#address,
      locate: async () => endpoint,
      isSharded: true,
      prefix: this.#prefix,
      deadlines: this.#deadlines,
      onError: this.#onLinkError,
      canaryKey: () => this.#keyAt(name),
      onMoved: (busChannel) => {
        if (this.#wanted.get(busChannel) === name) this.#wanted.set(busChannel, "");
        void link.unsubscribe([busChannel]).catch(() => {});
        this.#refreshIn(0);
      },
    });
    if (this.#closed) {
      await link.close();
      return;
    }
    this.#links.set(name, link);
    link.listen({
      onMessage: (message, busChannel) => this.#listener?.onMessage(message, busChannel),
      onDisrupted: () => this.#listener?.onDisrupted(),
    });
    link.watch.onChange(() => this.#settle());
  }

  /**
   * Reports an error of a link and schedules a read of the map, because a lost master may have been replaced.
   */
  readonly #onLinkError = (error: unknown): void => {
    this.#onError(error);
    if (!this.#hasJoined && isRefusal(error)) this.#onRefused?.(error);
    this.#refreshIn(refreshAgainMs);
  };

  /** Schedules a read of the map within `delayMs` milliseconds, and regular reads after it. */
  #refreshIn(delayMs: number): void {
    const at = performance.now() + delayMs;
    if (this.#closed || at >= this.#refreshAt) return;
    clearTimeout(this.#timer);
    this.#refreshAt = at;
    this.#timer = setTimeout(() => {
      this.#refreshAt = Number.POSITIVE_INFINITY;
      this.#refreshMap().then(() => this.#refreshIn(refreshAnywayMs), this.#onLinkError);
    }, delayMs);
  }

  #settle(): void {
    if (this.#map.masters.size === 0) return;
    const healths = [...this.#map.masters.keys()].map(
      (name) => this.#links.get(name)?.watch.health,
    );
    const isFull = healths.some((health) => health?.isFull === true);
    this.watch.set({
      connected: healths.every((health) => health?.connected === true),
      busConnected: healths.every((health) => health?.busConnected === true),
      takesWrites: healths.every((health) => health?.takesWrites === true),
      ...(isFull ? { isFull } : {}),
    });
    const { connected, busConnected } = this.watch.health;
    if (connected && busConnected) {
      this.#downSince = undefined;
      this.#hasJoined = true;
    } else this.#downSince ??= performance.now();
  }
}

/** Part of its bound that a server uses, or its bytes where no server has a bound. */
function fill({ used, max }: StoreMemory): number {
  return max > 0 ? used / max : used;
}
