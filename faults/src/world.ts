import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { rules } from "./channels.ts";
import { Relay } from "./network/relay.ts";
import { Gateway } from "./processes/gateway.ts";
import { Redis } from "./processes/redis.ts";
import { masterName, Sentinels } from "./processes/sentinels.ts";

const nodeCount = 3;

/** Gateway node: its process, and its relay to Redis in a world without Sentinels. */
export interface Node {
  gateway: Gateway;
  readonly way: Relay | undefined;
}

/** Options of a world. */
export interface WorldOptions {
  /** True when the master has a replica and three Sentinels. */
  readonly hasSentinels: boolean;
  /** Name of a mutant to put into the gateways. */
  readonly mutant?: string;
}

interface Parts {
  readonly redis: Redis;
  readonly replica: Redis | undefined;
  readonly sentinels: Sentinels | undefined;
  readonly nodes: readonly Node[];
  readonly balancer: Relay;
  readonly folder: string;
  readonly mutant: string | undefined;
}

/** World of three real gateways over one real Redis, behind a balancer. */
export class World {
  readonly redis: Redis;
  readonly replica: Redis | undefined;
  readonly sentinels: Sentinels | undefined;
  readonly nodes: readonly Node[];
  readonly balancer: Relay;
  readonly #folder: string;
  readonly #mutant: string | undefined;
  readonly #forgetFolder: () => void;

  private constructor({ redis, replica, sentinels, nodes, balancer, folder, mutant }: Parts) {
    this.redis = redis;
    this.replica = replica;
    this.sentinels = sentinels;
    this.nodes = nodes;
    this.balancer = balancer;
    this.#folder = folder;
    this.#forgetFolder = removeWithThisProcess(folder);
    this.#mutant = mutant;
  }

  static async start({ hasSentinels, mutant }: WorldOptions): Promise<World> {
    const redis = await Redis.start("--repl-diskless-sync-delay", "0");
    const replica = hasSentinels
      ? await Redis.start("--replicaof", "127.0.0.1", String(redis.port))
      : undefined;
    const sentinels = hasSentinels ? await Sentinels.start(redis.port) : undefined;
    while (!((await replica?.isInStep()) ?? true) || !((await sentinels?.areReady()) ?? true)) {
      await pause(100);
    }
    const folder = await mkdtemp(join(tmpdir(), "milepost-faults-"));
    await writeFile(join(folder, "settings.json"), JSON.stringify({ rules }));
    const nodes: Node[] = [];
    const balancer = await Relay.start(() =>
      nodes.filter(({ gateway }) => !gateway.hasEnded).map(({ gateway }) => gateway.port),
    );
    const world = new World({ redis, replica, sentinels, nodes, balancer, folder, mutant });
    for (let i = 0; i < nodeCount; i++) {
      const way = hasSentinels ? undefined : await Relay.start(() => [redis.port]);
      nodes.push({ gateway: await world.startGateway(way), way });
    }
    return world;
  }

  /**
   * Redis that holds the data at the end of a round: the replica after a failover, otherwise the first master.
   */
  get store(): Redis {
    return this.redis.hasEnded && this.replica !== undefined ? this.replica : this.redis;
  }

  get url(): string {
    return `http://127.0.0.1:${this.balancer.port}`;
  }

  startGateway(way: Relay | undefined): Promise<Gateway> {
    return Gateway.start(this.#redisUrl(way), join(this.#folder, "settings.json"), this.#mutant);
  }

  /** Ends every fault, and restarts gateways that have ended. */
  async heal(): Promise<void> {
    this.balancer.heal();
    this.redis.resume();
    for (const node of this.nodes) {
      node.way?.heal();
      if (node.gateway.hasEnded) node.gateway = await this.startGateway(node.way);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ gateway }) => gateway.kill()));
    await Promise.all(this.nodes.map(({ way }) => way?.close()));
    await this.balancer.close();
    await this.sentinels?.close();
    await this.replica?.close();
    await this.redis.close();
    await rm(this.#folder, { recursive: true, force: true });
    this.#forgetFolder();
  }

  #redisUrl(way: Relay | undefined): string {
    if (this.sentinels === undefined) return `redis://127.0.0.1:${way?.port ?? this.redis.port}`;
    const hosts = this.sentinels.ports.map((port) => `127.0.0.1:${port}`).join(",");
    return `redis+sentinel://${hosts}/${masterName}`;
  }
}
