import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aclUser } from "./acl.ts";
import { freePort, type RedisServer, startRedis } from "./redis-server.ts";
import { removeWithThisProcess } from "./watchdog.ts";

/** A real master with a replica, and three Sentinels that watch it. */
export interface RedisSentinels extends AsyncDisposable {
  readonly url: string;
  /** Port of the first master. */
  readonly port: number;
}

/** Starts a master, a replica and three Sentinels. The Sentinels know the master as `main`. */
export async function startRedisSentinels(): Promise<RedisSentinels> {
  const folder = await mkdtemp(join(tmpdir(), "milepost-sentinels-"));
  const forgetFolder = removeWithThisProcess(folder);
  const servers: RedisServer[] = [];
  const end = async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    await rm(folder, { recursive: true, force: true });
    forgetFolder();
  };
  try {
    const master = await startRedis();
    servers.push(master);
    servers.push(await startRedis(["--replicaof", "127.0.0.1", String(master.port)]));
    const hosts: string[] = [];
    for (let i = 0; i < 3; i++) {
      const file = join(folder, `sentinel-${i}.conf`);
      await writeFile(file, `sentinel monitor main 127.0.0.1 ${master.port} 2\n`);
      const port = await freePort();
      servers.push(await startRedis([], port, file));
      hosts.push(`127.0.0.1:${port}`);
    }
    const url = `redis+sentinel://${aclUser.name}:${aclUser.password}@${hosts.join(",")}/main`;
    return { url, port: master.port, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
