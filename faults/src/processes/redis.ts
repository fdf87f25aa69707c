import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { freePort } from "../network/free-port.ts";
import { Child } from "./child.ts";
import { redisCommand } from "./redis-command.ts";

const server = process.env.MILEPOST_REDIS_SERVER ?? "redis-server";

/** Folder in which a Redis keeps its data, and the program that starts it. */
interface Home {
  readonly folder: string;
  /** Program that starts redis-server, with its arguments before those of redis-server; empty: it is started itself. */
  readonly starter: readonly string[];
  remove(): Promise<void>;
}

/**
 * Process of redis-server that keeps its data in a directory of its own and uses the same port after every
 * restart.
 */
export class Redis {
  readonly port: number;
  readonly #home: Home;
  readonly #options: readonly string[];
  #child: Child | undefined;

  private constructor(port: number, home: Home, options: readonly string[]) {
    this.port = port;
    this.#home = home;
    this.#options = options;
  }

  static async start(...options: readonly string[]): Promise<Redis> {
    const folder = await mkdtemp(join(tmpdir(), "milepost-faults-"));
    const forgetFolder = removeWithThisProcess(folder);
    const remove = async () => {
      await rm(folder, { recursive: true, force: true });
      forgetFolder();
    };
    const redis = new Redis(await freePort(), { folder, starter: [], remove }, options);
    await redis.start();
    return redis;
  }

  /**
   * Starts a Redis by another program, such as one that enters a namespace, with its data in a folder there. The folder
   * belongs to the caller, and is not removed.
   */
  static async startBy(starter: readonly string[], folder: string): Promise<Redis> {
    const redis = new Redis(await freePort(), { folder, starter, remove: async () => {} }, []);
    await redis.start();
    return redis;
  }

  async start(): Promise<void> {
    const [file = server, ...before] = [...this.#home.starter, server];
    this.#child = await Child.start({
      file,
      args: [
        ...before,
        ...["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#home.folder],
        ...["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"],
        ...this.#options,
      ],
      ready: /Ready to accept connections/,
    });
  }

  get hasEnded(): boolean {
    return this.#child?.hasEnded ?? true;
  }

  async kill(): Promise<void> {
    await this.#child?.end("SIGKILL");
  }

  /** Stops Redis as an operator would; it writes everything to its disk first. */
  async stop(): Promise<void> {
    await this.#child?.end("SIGTERM");
  }

  /** Deletes the data on disk; call it only while Redis is not running. */
  async empty(): Promise<void> {
    await rm(join(this.#home.folder, "appendonlydir"), { recursive: true, force: true });
  }

  pause(): void {
    this.#child?.signal("SIGSTOP");
  }

  resume(): void {
    this.#child?.signal("SIGCONT");
  }

  /** Sends one command and resolves with its answer. */
  command(...words: readonly string[]): Promise<unknown> {
    return redisCommand(this.port, words);
  }

  /** Returns true while the replica's link to its master is up. */
  async isInStep(): Promise<boolean> {
    return String(await this.command("INFO", "replication")).includes("master_link_status:up");
  }

  async close(): Promise<void> {
    this.resume();
    await this.kill();
    await this.#home.remove();
  }
}
