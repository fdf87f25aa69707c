import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { freePort } from "../network/free-port.ts";
import { Child } from "./child.ts";
import { redisCommand } from "./redis-command.ts";

const server = process.env.MILEPOST_REDIS_SERVER ?? "redis-server";

/**
 * Process of redis-server that keeps its data in a directory of its own and uses the same port after every
 * restart.
 */
export class Redis {
  readonly port: number;
  readonly #folder: string;
  readonly #options: readonly string[];
  readonly #forgetFolder: () => void;
  #child: Child | undefined;

  private constructor(port: number, folder: string, options: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#forgetFolder = removeWithThisProcess(folder);
    this.#options = options;
  }

  static async start(...options: readonly string[]): Promise<Redis> {
    const folder = await mkdtemp(join(tmpdir(), "milepost-faults-"));
    const redis = new Redis(await freePort(), folder, options);
    await redis.start();
    return redis;
  }

  async start(): Promise<void> {
    this.#child = await Child.start({
      file: server,
      args: [
        ...["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder],
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

  /** Deletes the data on disk; call it only while Redis is not running. */
  async empty(): Promise<void> {
    await rm(join(this.#folder, "appendonlydir"), { recursive: true, force: true });
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
    await rm(this.#folder, { recursive: true, force: true });
    this.#forgetFolder();
  }
}
