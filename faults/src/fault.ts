import { setTimeout as pause } from "node:timers/promises";
import type { Silence } from "./network/relay.ts";
import type { Random } from "./random.ts";
import type { Node, World } from "./world.ts";

/** Fault to inject; it is over once `run` resolves. */
export interface Fault {
  readonly name: string;
  readonly says: string;
  /** True when the fault needs a replica and Sentinels. */
  readonly needsSentinels?: true;
  /** Part of the logs that the fault may lose; absent when it may lose nothing. */
  readonly takes?: "everything" | "tail";
  /**
   * Injects the fault. A fault that loses a tail calls `lost` once the tail is lost and before anything can be
   * stored again.
   */
  run(world: World, random: Random, lost: () => void): Promise<void>;
}

const silences: readonly Silence[] = ["both", "up", "down"];

/** All faults; each round injects one of them. */
export const faults: readonly Fault[] = [
  {
    name: "kill-node",
    says: "a gateway is killed and started again",
    async run(world, random) {
      const node = random.pick(world.nodes);
      await node.gateway.kill();
      await pause(random.between(200, 2_000));
      node.gateway = await world.startGateway(node.way);
    },
  },
  {
    name: "roll",
    says: "every gateway is stopped by SIGTERM and started again, one after the other",
    async run(world) {
      for (const node of world.nodes) {
        await node.gateway.stop();
        node.gateway = await world.startGateway(node.way);
      }
    },
  },
  {
    name: "redis-killed",
    says: "Redis is killed and restarted with the data on its disk",
    async run({ redis }, random) {
      await redis.kill();
      await pause(random.between(100, 3_000));
      await redis.start();
    },
  },
  {
    name: "redis-paused",
    says: "Redis is paused for 1 to 12 seconds, one time in five for up to 60",
    async run({ redis }, random) {
      redis.pause();
      await pause(random.between(1_000, random.between(1, 5) === 5 ? 60_000 : 12_000));
      redis.resume();
    },
  },
  {
    name: "redis-empty",
    says: "Redis is killed and restarted empty",
    takes: "everything",
    async run({ redis }, random) {
      await redis.kill();
      await redis.empty();
      await pause(random.between(0, 2_000));
      await redis.start();
    },
  },
  {
    name: "redis-flushed",
    says: "everything in Redis is deleted",
    takes: "everything",
    async run({ redis }) {
      await redis.command("FLUSHALL");
    },
  },
  {
    name: "scripts-flushed",
    says: "the script cache of Redis is flushed, three times",
    async run({ redis }, random) {
      for (let i = 0; i < 3; i++) {
        await redis.command("SCRIPT", "FLUSH");
        await pause(random.between(20, 400));
      }
    },
  },
  {
    name: "failover",
    says: "the master is killed after its replica lost contact, and the Sentinels promote the replica",
    needsSentinels: true,
    takes: "tail",
    async run({ redis, replica, sentinels }, random, lost) {
      if (replica === undefined || sentinels === undefined) throw new Error("no Sentinels");
      // The replica now replicates from a port where nothing listens, so later writes never reach it.
      await replica.command("REPLICAOF", "127.0.0.1", "1");
      await pause(random.between(300, 1_500));
      await redis.kill();
      lost();
      const deadline = performance.now() + 30_000;
      while ((await sentinels.masterPort()) !== replica.port) {
        if (performance.now() > deadline)
          throw new Error("the Sentinels promoted no replica within 30 s");
        await pause(100);
      }
    },
  },
  {
    name: "subscribers-cut",
    says: "the connections that subscribe to Redis pub/sub are cut, and no others",
    async run({ redis }, random) {
      for (let i = random.between(1, 3); i > 0; i--) {
        await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
        await pause(random.between(0, 600));
      }
    },
  },
  {
    name: "node-cut-off",
    says: "a gateway cannot reach Redis: its connections are reset and refused",
    async run(world, random) {
      const way = wayOf(random.pick(world.nodes));
      way.block();
      way.cut();
      await pause(random.between(500, 5_000));
      way.heal();
    },
  },
  {
    name: "node-unheard",
    says: "no data passes between a gateway and Redis, in one direction or both, while connections stay open",
    async run(world, random) {
      const way = wayOf(random.pick(world.nodes));
      way.hush(random.pick(silences));
      await pause(random.between(1_000, 9_000));
      way.heal();
    },
  },
  {
    name: "clients-cut",
    says: "the connections of all clients are reset, three times",
    async run({ balancer }, random) {
      for (let i = 0; i < 3; i++) {
        balancer.cut();
        await pause(random.between(0, 800));
      }
    },
  },
  {
    name: "clients-unheard",
    says: "no data passes between clients and gateways, in one direction or both, while connections stay open",
    async run({ balancer }, random) {
      balancer.hush(random.pick(silences));
      await pause(random.between(1_000, 6_000));
      balancer.heal();
    },
  },
];

function wayOf({ way }: Node) {
  if (way === undefined)
    throw new Error("this world has no relay to Redis; the fault cannot run with Sentinels");
  return way;
}
