import { createClient } from "@redis/client";
import { aclUser } from "./acl.ts";
import { freePort, type RedisServer, startRedis } from "./redis-server.ts";

const masters = 3;
const slots = 16_384;

/** Real cluster of three masters on free ports, optionally with a replica of the first. */
export interface RedisCluster extends AsyncDisposable {
  /** Address with the credential of the documented user. */
  readonly url: string;
  /** Address of the user who may do everything. */
  readonly adminUrl: string;
  readonly servers: readonly RedisServer[];
  /** Sends one command to one server. */
  command(server: number, ...words: readonly string[]): Promise<unknown>;
}

/** Starts a cluster and resolves once all of its nodes report that it is healthy. */
export async function startRedisCluster({ replica = false } = {}): Promise<RedisCluster> {
  const servers: RedisServer[] = [];
  const clients: ReturnType<typeof createClient>[] = [];
  const hosts = () => servers.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const cluster: RedisCluster = {
    get url() {
      return `redis+cluster://${aclUser.name}:${aclUser.password}@${hosts()}`;
    },
    get adminUrl() {
      return `redis+cluster://${hosts()}`;
    },
    servers,
    command: (server, ...words) => {
      const client = clients[server];
      if (client === undefined) throw new Error(`there is no server ${server}`);
      return client.sendCommand([...words]);
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
  try {
    for (let i = 0; i < masters + (replica ? 1 : 0); i++) {
      const server = await startRedis([
        ...["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"],
        ...["--cluster-port", String(await freePort())],
      ]);
      servers.push(server);
      const client = createClient({ url: server.adminUrl, RESP: 2, disableClientInfo: true });
      client.on("error", () => {});
      await client.connect();
      clients.push(client as ReturnType<typeof createClient>);
      if (i === masters) continue;
      const first = Math.floor((i * slots) / masters);
      const last = Math.floor(((i + 1) * slots) / masters) - 1;
      await cluster.command(i, "CLUSTER", "ADDSLOTSRANGE", String(first), String(last));
      await cluster.command(i, "CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
    }
    for (const { port, busPort: bus } of await Promise.all(servers.map(addressOf))) {
      await cluster.command(0, "CLUSTER", "MEET", "127.0.0.1", String(port), String(bus));
    }
    await until(() => isWell(cluster));
    if (replica) {
      const first = String(await cluster.command(0, "CLUSTER", "MYID"));
      await cluster.command(masters, "CLUSTER", "REPLICATE", first);
      await until(async () => {
        const info = String(await cluster.command(masters, "INFO", "replication"));
        return info.includes("master_link_status:up");
      });
      // The cluster replaces a lost master only when the other nodes know a replica of it.
      await until(async () => {
        for (let i = 0; i < masters; i++) {
          const replicas = await cluster.command(i, "CLUSTER", "REPLICAS", first);
          if ((replicas as string[]).length === 0) return false;
        }
        return true;
      });
    }
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }

  async function addressOf(server: RedisServer, i: number) {
    const [, bus] = (await cluster.command(i, "CONFIG", "GET", "cluster-port")) as string[];
    return { port: server.port, busPort: Number(bus) };
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Returns true when every node knows all masters and reports that the cluster is healthy. */
async function isWell(cluster: RedisCluster): Promise<boolean> {
  for (let i = 0; i < cluster.servers.length; i++) {
    const info = String(await cluster.command(i, "CLUSTER", "INFO"));
    if (!info.includes("cluster_state:ok") || !info.includes(`cluster_size:${masters}`))
      return false;
  }
  return true;
}
