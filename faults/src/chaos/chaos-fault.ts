import { spawnSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import type { Silence } from "../network/relay.ts";
import { openFiles } from "../processes/open-files.ts";
import type { Redis } from "../processes/redis.ts";
import type { Random } from "../random.ts";
import type { DeployedNode, Deployment } from "./deployment.ts";
import { stepNoticedMs } from "./stepped-clock.ts";

/** Part that a fault breaks; faults that break different parts may happen at the same time. */
export type Part = "redis" | "gateway" | "way" | "edge" | "balancer";

/** Fault of the chaos run; it is over once `run` resolves. Nothing that was acknowledged may be lost by it. */
export interface ChaosFault {
  readonly name: string;
  readonly says: string;
  readonly part: Part;
  /** Returns why the fault cannot happen here, and what to install; undefined if it can. */
  impossible?(deployment: Deployment): string | undefined;
  /** Injects the fault and resolves with what it did, in words. */
  run(deployment: Deployment, random: Random): Promise<string>;
}

const silences: readonly Silence[] = ["both", "up", "down"];

/** All faults. */
export const chaosFaults: readonly ChaosFault[] = [
  {
    name: "kill-gateway",
    says: "a gateway is killed and started again",
    part: "gateway",
    async run(deployment, random) {
      const [i, node] = someNode(deployment, random);
      const ms = random.between(200, 5_000);
      await node.gateway.kill();
      await pause(ms);
      await deployment.restart(node);
      return `gateway ${i} killed, away for ${ms} ms`;
    },
  },
  {
    name: "kill-two",
    says: "two of three gateways are killed at once and started again",
    part: "gateway",
    async run(deployment, random) {
      const [spared] = someNode(deployment, random);
      const others = deployment.nodes.filter((_, i) => i + 1 !== spared);
      await Promise.all(others.map(({ gateway }) => gateway.kill()));
      await pause(random.between(500, 3_000));
      for (const node of others) await deployment.restart(node);
      return `all gateways but ${spared} killed`;
    },
  },
  {
    name: "roll",
    says: "every gateway is stopped by SIGTERM and started again, one after the other",
    part: "gateway",
    async run(deployment) {
      for (const node of deployment.nodes) {
        await node.gateway.stop();
        await deployment.restart(node);
      }
      return "three gateways replaced";
    },
  },
  {
    name: "redis-restarted",
    says: "Redis is stopped by SIGTERM and started again",
    part: "redis",
    async run({ redis }, random) {
      const ms = random.between(100, 6_000);
      await redis.stop();
      await pause(ms);
      await redis.start();
      return `Redis stopped for ${ms} ms`;
    },
  },
  {
    name: "redis-killed",
    says: "Redis is killed and started again with the data on its disk",
    part: "redis",
    async run({ redis }, random) {
      const ms = random.between(100, 4_000);
      await redis.kill();
      await pause(ms);
      await redis.start();
      return `Redis killed, away for ${ms} ms`;
    },
  },
  {
    name: "redis-paused",
    says: "Redis is stopped for 1 to 12 seconds without its connections being closed",
    part: "redis",
    async run({ redis }, random) {
      const ms = random.between(1_000, 12_000);
      redis.pause();
      await pause(ms);
      redis.resume();
      return `Redis silent for ${ms} ms`;
    },
  },
  {
    name: "scripts-flushed",
    says: "the script cache of Redis is flushed",
    part: "redis",
    async run({ redis }, random) {
      for (let i = 0; i < 3; i++) {
        await redis.command("SCRIPT", "FLUSH");
        await pause(random.between(20, 400));
      }
      return "script cache flushed three times";
    },
  },
  {
    name: "disk-full",
    says: "the disk of Redis is full for 2 to 10 seconds",
    part: "redis",
    impossible: ({ disk }) =>
      disk === undefined ? "needs root, to mount a tmpfs in a namespace" : undefined,
    async run({ disk, redis }, random) {
      const ms = random.between(2_000, 10_000);
      const free = await disk?.fill();
      await pause(ms);
      await free?.();
      // Redis tries to write again once a second.
      await pause(1_500);
      await rewriteLog(redis);
      return `disk full for ${ms} ms`;
    },
  },
  {
    name: "slow-redis",
    says: "everything between one gateway and Redis takes longer",
    part: "way",
    async run(deployment, random) {
      const [i, { way }] = someNode(deployment, random);
      const [delayMs, jitterMs] = [random.between(5, 200), random.between(0, 200)];
      way.weather({ delayMs, jitterMs, loss: 0, resendMs: 0, ...chance(random) });
      const ms = random.between(3_000, 12_000);
      await pause(ms);
      way.heal();
      return `gateway ${i}: ${delayMs} ms and up to ${jitterMs} ms more to Redis, for ${ms} ms`;
    },
  },
  {
    name: "lossy-redis",
    says: "packets between one gateway and Redis are lost and sent again",
    part: "way",
    async run(deployment, random) {
      const [i, { way }] = someNode(deployment, random);
      const loss = random.between(1, 20) / 100;
      way.weather({ delayMs: 1, jitterMs: 5, loss, resendMs: 200, ...chance(random) });
      const ms = random.between(3_000, 12_000);
      await pause(ms);
      way.heal();
      return `gateway ${i}: ${Math.round(loss * 100)} % of packets to Redis lost, for ${ms} ms`;
    },
  },
  {
    name: "cut-off",
    says: "a gateway cannot reach Redis: its connections are reset and refused",
    part: "way",
    async run(deployment, random) {
      const [i, { way }] = someNode(deployment, random);
      const ms = random.between(500, 8_000);
      way.block();
      way.cut();
      await pause(ms);
      way.heal();
      return `gateway ${i} cut off from Redis for ${ms} ms`;
    },
  },
  {
    name: "unheard",
    says: "no data pass between a gateway and Redis, in one direction or both, while connections stay open",
    part: "way",
    async run(deployment, random) {
      const [i, { way }] = someNode(deployment, random);
      const silence = random.pick(silences);
      const ms = random.between(1_000, 9_000);
      way.hush(silence);
      await pause(ms);
      way.heal();
      return `gateway ${i}: nothing passes (${silence}) to Redis for ${ms} ms`;
    },
  },
  {
    name: "slow-clients",
    says: "everything between clients and HAProxy takes longer, and packets are lost",
    part: "edge",
    async run({ edge }, random) {
      const [delayMs, jitterMs] = [random.between(20, 300), random.between(0, 300)];
      const loss = random.between(0, 10) / 100;
      edge.weather({ delayMs, jitterMs, loss, resendMs: 200, ...chance(random) });
      const ms = random.between(3_000, 12_000);
      await pause(ms);
      edge.heal();
      return `clients: ${delayMs} ms and up to ${jitterMs} ms more, ${Math.round(loss * 100)} % lost, for ${ms} ms`;
    },
  },
  {
    name: "clients-cut",
    says: "the connections of all clients are reset, several times",
    part: "edge",
    async run({ edge }, random) {
      const times = random.between(1, 4);
      for (let i = 0; i < times; i++) {
        edge.cut();
        await pause(random.between(0, 1_500));
      }
      return `all clients cut ${times} times`;
    },
  },
  {
    name: "balancer-killed",
    says: "HAProxy is killed and started again",
    part: "balancer",
    async run({ balancer }, random) {
      const ms = random.between(100, 3_000);
      await balancer.kill();
      await pause(ms);
      await balancer.start();
      return `HAProxy killed, away for ${ms} ms`;
    },
  },
  {
    name: "clock-step",
    says: "the wall clock of a gateway steps by up to 10 minutes, forward or back, and returns",
    part: "gateway",
    impossible: ({ nodes }) =>
      nodes.some(({ clock }) => clock === undefined)
        ? "needs libfaketime: apt-get install faketime"
        : undefined,
    async run(deployment, random) {
      const [i, { clock }] = someNode(deployment, random);
      const seconds = random.between(2, 600) * (random.between(0, 1) === 0 ? 1 : -1);
      clock?.set(seconds);
      await pause(stepNoticedMs + random.between(1_000, 8_000));
      clock?.set(0);
      await pause(stepNoticedMs);
      return `clock of gateway ${i} stepped by ${seconds} s and back`;
    },
  },
  {
    name: "descriptors",
    says: "a gateway may open no further files and sockets for some seconds",
    part: "gateway",
    impossible: () =>
      spawnSync("prlimit", ["--version"], { stdio: "ignore" }).status === 0
        ? undefined
        : "needs prlimit: apt-get install util-linux",
    async run(deployment, random) {
      const [i, { gateway }] = someNode(deployment, random);
      const { soft } = softLimit(gateway.pid);
      const open = await openFiles(gateway.pid);
      setSoftLimit(gateway.pid, open + 2);
      // Clients come again and find nobody who accepts them.
      deployment.edge.cut();
      const ms = random.between(2_000, 8_000);
      await pause(ms);
      setSoftLimit(gateway.pid, soft);
      return `gateway ${i} had at most 2 more than its ${open} descriptors for ${ms} ms`;
    },
  },
];

/**
 * Makes Redis rewrite its append-only file, as docs/operations.md asks of operators after a full disk. Redis 7.0 may have
 * left a hole of zeros in the old file, with which it would not start again.
 */
async function rewriteLog(redis: Redis): Promise<void> {
  const isIdle = async () => {
    const info = String(await redis.command("INFO", "persistence"));
    return /aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info);
  };
  while (!(await isIdle())) await pause(100);
  await redis.command("BGREWRITEAOF");
  while (!(await isIdle())) await pause(100);
}

function someNode({ nodes }: Deployment, random: Random): readonly [number, DeployedNode] {
  const node = random.pick(nodes);
  return [nodes.indexOf(node) + 1, node];
}

/** The randomness of the weather is not that of the plan, since how often it is asked depends on timing. */
function chance(random: Random): { fraction(): number } {
  const own = random.fork();
  return { fraction: () => own.fraction() };
}

function softLimit(pid: number): { readonly soft: number } {
  const args = ["--pid", String(pid), "--nofile", "--output", "SOFT", "--noheadings"];
  return { soft: Number(spawnSync("prlimit", args, { encoding: "utf8" }).stdout) };
}

function setSoftLimit(pid: number, soft: number): void {
  const { status, stderr } = spawnSync("prlimit", ["--pid", String(pid), `--nofile=${soft}:`], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`prlimit failed: ${stderr}`);
}
