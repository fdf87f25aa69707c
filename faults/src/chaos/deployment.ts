import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { rules } from "../channels.ts";
import { freePort } from "../network/free-port.ts";
import { Relay } from "../network/relay.ts";
import { Gateway } from "../processes/gateway.ts";
import { Redis } from "../processes/redis.ts";
import { Balancer } from "./balancer.ts";
import { SmallDisk } from "./small-disk.ts";
import { SteppedClock } from "./stepped-clock.ts";

const nodeCount = 3;
/** Time within which a gateway must have started, in milliseconds. */
const startTimeoutMs = 90_000;

/** Gateway of the deployment, with what is its own. */
export interface DeployedNode {
  gateway: Gateway;
  readonly port: number;
  /** Relay between this gateway and Redis. */
  readonly way: Relay;
  readonly clock: SteppedClock | undefined;
}

interface Parts {
  readonly redis: Redis;
  readonly disk: SmallDisk | undefined;
  readonly nodes: DeployedNode[];
  readonly balancer: Balancer;
  readonly edge: Relay;
  readonly folder: string;
  readonly mutant: string | undefined;
}

/**
 * Deployment as an operator would make it: three gateways over one Redis, behind HAProxy. Every program runs as its own process.
 * Between the clients and HAProxy, and between each gateway and Redis, a relay does what networks do.
 */
export class Deployment {
  readonly redis: Redis;
  /** Disk of Redis, which can be filled; undefined where this process may not mount one. */
  readonly disk: SmallDisk | undefined;
  readonly nodes: readonly DeployedNode[];
  readonly balancer: Balancer;
  /** Relay between the clients and HAProxy. */
  readonly edge: Relay;
  readonly #folder: string;
  readonly #mutant: string | undefined;
  readonly #forgetFolder: () => void;

  private constructor({ redis, disk, nodes, balancer, edge, folder, mutant }: Parts) {
    this.redis = redis;
    this.disk = disk;
    this.nodes = nodes;
    this.balancer = balancer;
    this.edge = edge;
    this.#folder = folder;
    this.#mutant = mutant;
    this.#forgetFolder = removeWithThisProcess(folder);
  }

  /** Starts everything; a named mutant is put into the code of the gateways. */
  static async start(mutant?: string): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), "milepost-chaos-"));
    const disk = (await SmallDisk.isPossible()) ? await SmallDisk.start() : undefined;
    const redis =
      disk === undefined ? await Redis.start() : await Redis.startBy(disk.starter, disk.folder);
    await writeFile(settingsIn(folder), JSON.stringify({ rules, trustedProxies: ["127.0.0.1"] }));
    const hasClocks = SteppedClock.library() !== undefined;
    const nodes: DeployedNode[] = [];
    for (let i = 0; i < nodeCount; i++) {
      const way = await Relay.start(() => [redis.port]);
      const clock = hasClocks ? new SteppedClock(folder, String(i)) : undefined;
      const port = await freePort();
      nodes.push({
        port,
        way,
        clock,
        gateway: await startGateway(folder, { port, way, clock }, mutant),
      });
    }
    const balancer = await Balancer.start(
      folder,
      nodes.map(({ port }) => port),
    );
    const edge = await Relay.start(() => [balancer.port]);
    return new Deployment({ redis, disk, nodes, balancer, edge, folder, mutant });
  }

  /** Redis with the data at the end. */
  get store(): Redis {
    return this.redis;
  }

  /** URL at which clients reach the deployment. */
  get url(): string {
    return `http://127.0.0.1:${this.edge.port}`;
  }

  /** Starts a gateway again on its port. */
  async restart(node: DeployedNode): Promise<void> {
    node.gateway = await startGateway(this.#folder, node, this.#mutant);
  }

  /** Ends every fault, and starts again what has ended; resolves with the programs that had ended unasked. */
  async heal(): Promise<readonly string[]> {
    const ended: string[] = [];
    this.edge.heal();
    this.redis.resume();
    for (const { way, clock } of this.nodes) {
      way.heal();
      clock?.set(0);
    }
    if (this.redis.hasEnded) {
      ended.push("redis-server");
      await this.redis.start();
    }
    for (const [i, node] of this.nodes.entries()) {
      if (!node.gateway.hasEnded) continue;
      ended.push(`gateway ${i + 1}: ${node.gateway.printed.slice(-2_000)}`);
      await this.restart(node);
    }
    if (this.balancer.hasEnded) {
      ended.push("HAProxy");
      await this.balancer.start();
    }
    return ended;
  }

  async close(): Promise<void> {
    await this.edge.close();
    await this.balancer.kill();
    await Promise.all(this.nodes.map(({ gateway }) => gateway.kill()));
    await Promise.all(this.nodes.map(({ way }) => way.close()));
    await this.redis.close();
    await this.disk?.close();
    await rm(this.#folder, { recursive: true, force: true });
    this.#forgetFolder();
  }
}

function settingsIn(folder: string): string {
  return join(folder, "settings.json");
}

async function startGateway(
  folder: string,
  { port, way, clock }: Pick<DeployedNode, "port" | "way" | "clock">,
  mutant: string | undefined,
): Promise<Gateway> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`a gateway did not start within ${startTimeoutMs / 1_000} s`)),
      startTimeoutMs,
    );
  });
  const redisUrl = `redis://127.0.0.1:${way.port}`;
  const place = { port, env: { MILEPOST_MEMORY: "false", ...clock?.env } };
  try {
    return await Promise.race([Gateway.start(redisUrl, settingsIn(folder), mutant, place), late]);
  } finally {
    clearTimeout(timer);
  }
}
