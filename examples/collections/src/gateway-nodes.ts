import type { ChildProcess } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Children } from "./children.ts";
import { freePort } from "./free-port.ts";

const command = join(
  dirname(fileURLToPath(import.meta.resolve("milepost/package.json"))),
  "bin/milepost.js",
);
const restartMs = 2_000;
const readyWithinMs = 30_000;
const pollMs = 50;

/** Settings of every node. */
export interface NodeSettings {
  /** Address of Redis; undefined for a node that keeps everything in its memory. */
  readonly redis: string | undefined;
  readonly tokenSecret: string;
  readonly apiKey: string;
}

/** A gateway node and whether it accepts clients. */
export interface GatewayNode {
  readonly name: string;
  readonly port: number;
  isUp: boolean;
}

interface RunningNode extends GatewayNode {
  process: ChildProcess | undefined;
}

/** The nodes of the gateway: the command `milepost serve` in a process each. A node that ends is started again. */
export class GatewayNodes {
  readonly #children: Children;
  readonly #settings: NodeSettings;
  readonly #nodes: RunningNode[] = [];
  readonly #onChange: (node: GatewayNode) => void;
  #closing = false;

  constructor(children: Children, settings: NodeSettings, onChange: (node: GatewayNode) => void) {
    this.#children = children;
    this.#settings = settings;
    this.#onChange = onChange;
  }

  /** All nodes, those that are down included. */
  get all(): readonly GatewayNode[] {
    return this.#nodes;
  }

  /** Starts so many nodes; resolves when all accept clients. */
  async start(count: number): Promise<void> {
    for (let n = 1; n <= count; n++) {
      this.#nodes.push({
        name: `node-${n}`,
        port: await freePort(),
        isUp: false,
        process: undefined,
      });
    }
    await Promise.all(this.#nodes.map((node) => this.#run(node)));
  }

  /** Kills a node as a crash would; returns its name, or undefined if fewer than two nodes are up. */
  kill(): string | undefined {
    const up = this.#nodes.filter(({ isUp }) => isUp);
    const node = up[Math.floor(Math.random() * up.length)];
    if (node === undefined || up.length < 2) return undefined;
    node.process?.kill("SIGKILL");
    return node.name;
  }

  /** Stops the restarts. The processes end with the other children. */
  close(): void {
    this.#closing = true;
  }

  async #run(node: RunningNode): Promise<void> {
    const { redis, tokenSecret, apiKey } = this.#settings;
    const where = redis === undefined ? ["--memory"] : ["--redis", redis];
    const args = [command, "serve", "--host", "127.0.0.1", "--port", String(node.port), ...where];
    const child = await this.#children.start(process.execPath, args, {
      env: {
        ...process.env,
        NODE_ENV: "production",
        MILEPOST_TOKEN_SECRET: tokenSecret,
        MILEPOST_API_KEY: apiKey,
        MILEPOST_LOG_LEVEL: "error",
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    node.process = child;
    child.once("exit", () => {
      node.isUp = false;
      if (this.#closing) return;
      this.#onChange(node);
      setTimeout(() => {
        if (!this.#closing) this.#run(node).catch((error) => console.error(error));
      }, restartMs);
    });
    await ready(`http://127.0.0.1:${node.port}/readyz`, child);
    node.isUp = true;
    this.#onChange(node);
  }
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + readyWithinMs;
  while (Date.now() < until) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (child.exitCode !== null || child.signalCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`the gateway node at ${url} did not start`);
}
