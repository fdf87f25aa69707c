import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { freePort } from "../network/free-port.ts";
import { Child } from "./child.ts";
import { redisCommand } from "./redis-command.ts";

const server = process.env.MILEPOST_REDIS_SERVER ?? "redis-server";
export const masterName = "main";

/** Three Sentinels that watch one master. */
export class Sentinels {
  readonly ports: readonly number[];
  readonly #folder: string;
  readonly #children: readonly Child[];
  readonly #forgetFolder: () => void;

  private constructor(ports: readonly number[], folder: string, children: readonly Child[]) {
    this.ports = ports;
    this.#folder = folder;
    this.#forgetFolder = removeWithThisProcess(folder);
    this.#children = children;
  }

  static async start(masterPort: number): Promise<Sentinels> {
    const folder = await mkdtemp(join(tmpdir(), "milepost-sentinels-"));
    const ports: number[] = [];
    const children: Child[] = [];
    for (let i = 0; i < 3; i++) {
      const port = await freePort();
      const file = join(folder, `sentinel-${i}.conf`);
      await writeFile(
        file,
        [
          `port ${port}`,
          "bind 127.0.0.1",
          `dir ${folder}`,
          `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 2`,
          `sentinel down-after-milliseconds ${masterName} 500`,
          `sentinel failover-timeout ${masterName} 2000`,
          "",
        ].join("\n"),
      );
      children.push(
        await Child.start({ file: server, args: [file, "--sentinel"], ready: /\+monitor master/ }),
      );
      ports.push(port);
    }
    return new Sentinels(ports, folder, children);
  }

  /** Returns the master's port, as the first Sentinel reports it. */
  async masterPort(): Promise<number> {
    const name = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName];
    const [, port] = (await redisCommand(this.ports[0] ?? 0, name)) as readonly string[];
    return Number(port);
  }

  /** Returns true when every Sentinel knows the two others and a replica, so that a failover can succeed. */
  async areReady(): Promise<boolean> {
    for (const port of this.ports) {
      const words = await redisCommand(port, ["SENTINEL", "MASTER", masterName]);
      const of = (name: string) => {
        const fields = words as readonly string[];
        return Number(fields[fields.indexOf(name) + 1]);
      };
      if (of("num-slaves") < 1 || of("num-other-sentinels") < 2) return false;
    }
    return true;
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end("SIGKILL")));
    await rm(this.#folder, { recursive: true, force: true });
    this.#forgetFolder();
  }
}
