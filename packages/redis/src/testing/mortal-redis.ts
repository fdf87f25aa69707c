import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { type RedisServer, startRedis } from "./redis-server.ts";

/** Starts a Redis that can be killed. After a restart it has only the data that a test told it to save. */
export async function mortalRedis() {
  const folder = await mkdtemp(join(tmpdir(), "milepost-dump-"));
  let server = await startRedis(["--dir", folder]);
  return {
    url: server.url,
    async command(...args: string[]): Promise<void> {
      const client = createClient({ url: server.adminUrl, RESP: 2 });
      await client.connect();
      await client.sendCommand(args);
      client.destroy();
    },
    async killAndRestart(): Promise<void> {
      const { port } = server;
      await server[Symbol.asyncDispose]();
      server = await startRedis(["--dir", folder], port);
    },
    async [Symbol.asyncDispose]() {
      await (server as RedisServer)[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
