import { type RedisServer, startRedis } from "@milepost/redis/testing";
import { type ServedNode, serveNode } from "./served-node.ts";

/** Nodes over one Redis, each in a process of its own; disposing the fleet ends all of them and Redis. */
export interface Fleet extends AsyncDisposable {
  readonly redis: RedisServer;
  readonly nodes: readonly ServedNode[];
}

/** Starts a Redis and `size` nodes; resolves once all nodes listen. */
export async function startFleet(size: number): Promise<Fleet> {
  const redis = await startRedis();
  const started = await Promise.allSettled(
    Array.from({ length: size }, () => serveNode({ MILEPOST_REDIS_URL: redis.url })),
  );
  const nodes = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const clear = async () => {
    await Promise.all([...nodes, redis].map((one) => one[Symbol.asyncDispose]()));
  };
  const failed = started.find((one) => one.status === "rejected");
  if (failed === undefined) return { redis, nodes, [Symbol.asyncDispose]: clear };
  await clear();
  throw failed.reason;
}
