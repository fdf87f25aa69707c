import { SerialQueues } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { type ClusterMap, readClusterMap } from "./cluster-map.ts";
import { hashSlot } from "./hash-slot.ts";
import { defaultDeadlines, type LinkDeadlines } from "./link-deadlines.ts";
import { LinkHealth } from "./link-health.ts";
import type { Endpoint, RedisAddress } from "./redis-address.ts";
import type { LinkListener, RedisLink } from "./redis-link.ts";
import type { Script } from "./script.ts";
import { ServerLink } from "./server-link.ts";

/** A call that is sent on so often finds no owner of its slot. */
const maxMoves = 5;
const refreshAgainMs = 1_000;
/** Bounds how long a slot that moved unheard goes unnoticed where nothing is published to it. */
const refreshAnywayMs = 10_000;

/**
 * Keeps one link to each master of a cluster.
 *
 * A call goes to the master of its hash tag, so calls of one channel keep their order; one that the master sends on was
 * not run, and goes to the new owner with those behind it. While a slot is on its way from one master to another, Redis
 * refuses what touches keys on both sides, and so does the link, as `store_unavailable`: nothing was run. Publications
 * travel by sharded pub/sub. It is up while every master is; where a master is lost or slots move, the map is read again,
 * what moved is subscribed to at its new owner, and something may have been lost.
 */
export class ClusterLink implements RedisLink {
  readonly publishCommand = "SPUBLISH";
  readonly watch = new LinkHealth();
  readonly #address: RedisAddress;
  readonly #onError: (error: unknown) => void;
  readonly #deadlines: LinkDeadlines;
  readonly #links = new Map<string, ServerLink>();
  /** Each bus channel, and the master it is subscribed to at; empty when that one let go of it. */
  readonly #wanted = new Map<string, string>();
  /** Subscribing and unsubscribing, in order for each bus channel. */
  readonly #queues = new SerialQueues();
  /** The slots of calls that wait for the map. */
  readonly #moving = new Set<number>();
  #map: ClusterMap = { masters: new Map(), owners: [] };
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshAt = Number.POSITIVE_INFINITY;
  #listener: LinkListener | undefined;
  #downSince: number | undefined = performance.now();
  #closed = false;

  private constructor(
    address: RedisAddress,
    onError: (error: unknown) => void,
    deadlines: LinkDeadlines,
  ) {
    this.#address = address;
    this.#onError = onError;
    this.#deadlines = deadlines;
  }

  /** Connects to all masters; rejects with the reason when one cannot be reached. */
  static async open(
    address: RedisAddress,
    onError: (error: unknown) => void,
    deadlines = defaultDeadlines,
  ): Promise<ClusterLink> {
    const link = new ClusterLink(address, onError, deadlines);
    try {
      await link.#read();
      for (const opened of await link.#connect()) {
        if (opened.status === "rejected") throw opened.reason;
      }
      link.#settle();
      link.#refreshIn(refreshAnywayMs);
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  get downSince(): number | undefined {
    return this.#downSince;
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.#at(keys[0] ?? "", (link) => link.run(script, keys, args));
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#at(keys[0] ?? "", (link) => link.remove(keys));
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

  now(): number {
    const [link] = this.#links.values();
    return link?.now() ?? 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  /** Does something at the master of a key, and again at another where the slot has moved. */
  async #at<T>(key: string, act: (link: ServerLink, name: string) => Promise<T>): Promise<T> {
    const slot = hashSlot(key);
    for (let moves = 0; ; moves++) {
      // What is called while others of its slot wait for the map goes behind them.
      if (this.#moving.has(slot)) await this.#refreshing?.catch(() => {});
      const name = this.#map.owners[slot] ?? "";
      const link = this.#links.get(name);
      if (link === undefined) throw noOwner();
      try {
        return await act(link, name);
      } catch (error) {
        const owner = movedTo(error);
        if (owner === undefined || moves >= maxMoves) throw error;
        this.#moving.add(slot);
        try {
          await this.#refreshMap(owner);
        } catch (cause) {
          throw noOwner(cause);
        }
      }
    }
  }

  /** Reads the map again and follows it; one at a time, for all who wait. */
  #refreshMap(first?: Endpoint): Promise<void> {
    this.#refreshing ??= this.#follow(first).finally(() => {
      this.#refreshing = undefined;
      this.#moving.clear();
    });
    return this.#refreshing;
  }

  /** Rejects only where the map cannot be read: one master that cannot be reached must not keep the others. */
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

  /** Subscribes to what has moved at its new owner. */
  #resubscribe(): void {
    const hasMoved = ([busChannel, from]: [string, string]) => from !== this.#owner(busChannel);
    const moved = [...this.#wanted].filter(hasMoved).map(([busChannel]) => busChannel);
    if (moved.length === 0) return;
    const subscribed = moved.map((busChannel) =>
      this.#queues.run(busChannel, async () => {
        const from = this.#wanted.get(busChannel);
        if (from === undefined || from === this.#owner(busChannel)) return;
        // Its old master has let go of it, or is gone.
        await this.#links
          .get(from)
          ?.unsubscribe([busChannel])
          .catch(() => {});
        await this.#add(busChannel);
      }),
    );
    Promise.all(subscribed).then(() => this.#listener?.onDisrupted(), this.#onLinkError);
  }

  async #add(busChannel: string): Promise<void> {
    await this.#at(busChannel, async (link, name) => {
      await link.subscribe([busChannel]);
      this.#wanted.set(busChannel, name);
    });
  }

  #owner(key: string): string {
    return this.#map.owners[hashSlot(key)] ?? "";
  }

  async #read(first?: Endpoint): Promise<void> {
    const known = [...this.#map.masters.values(), ...this.#address.endpoints];
    // The new owner of a slot knows of it before the others do; some clusters do not name it.
    if (first !== undefined && first.host !== "") known.unshift(first);
    this.#map = await readClusterMap(this.#address, known, this.#deadlines.mapMs);
  }

  /** Opens the links that are not there yet, beside each other. */
  #connect(): Promise<PromiseSettledResult<void>[]> {
    const missing = [...this.#map.masters].filter(([name]) => !this.#links.has(name));
    return Promise.allSettled(missing.map(([name, endpoint]) => this.#open(name, endpoint)));
  }

  async #open(name: string, endpoint: Endpoint): Promise<void> {
    const link: ServerLink = await ServerLink.open({
      address: this.#address,
      locate: async () => endpoint,
      isSharded: true,
      deadlines: this.#deadlines,
      onError: this.#onLinkError,
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

  /** A master that is lost may have been replaced. */
  readonly #onLinkError = (error: unknown): void => {
    this.#onError(error);
    this.#refreshIn(refreshAgainMs);
  };

  /** Has the map read within that time, and now and then after. */
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
    const healths = [...this.#map.masters.keys()].map(
      (name) => this.#links.get(name)?.watch.health,
    );
    this.watch.set(
      healths.every((health) => health?.connected === true),
      healths.every((health) => health?.busConnected === true),
    );
    const { connected, busConnected } = this.watch.health;
    if (connected && busConnected) this.#downSince = undefined;
    else this.#downSince ??= performance.now();
  }
}

/** Where Redis says that the slot is now; then it has not run what it was sent. */
function movedTo(error: unknown): Endpoint | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const [, host, port] =
    /^MOVED \d+ (.*):(\d+)$/.exec(cause instanceof Error ? cause.message : "") ?? [];
  return host === undefined ? undefined : { host, port: Number(port) };
}

function noOwner(cause?: unknown): MilepostError {
  const message = "no master of the cluster serves this channel now";
  return new MilepostError("store_unavailable", message, { cause });
}
