import { startRedis } from "@milepost/redis/testing";
import { expect, it } from "vitest";
import { openEngine } from "../runtime/open-engine.ts";
import { startGateway } from "../testing/test-gateway.ts";

it("[P-MET-7] over Redis, the metrics tell calls by script, their time, the link, and the memory that INFO reports", async () => {
  await using redis = await startRedis();
  const log = { info() {}, warn() {}, error() {} };
  const engine = await openEngine({ redis: redis.url, redisPrefix: "milepost" }, log);
  await using server = await startGateway(engine === undefined ? {} : { engine: engine.factory });
  await server.gateway.publish("chat:42", "message", "hello");
  const { body } = await server.gateway.metrics();
  expect(body).toMatch(/^milepost_store_calls_total\{script="append",result="ok"\} 1$/m);
  expect(body).toMatch(/^milepost_store_call_milliseconds_count [1-9]\d*$/m);
  expect(body).toMatch(/^milepost_redis_memory_bytes\{part="used"\} [1-9]\d+$/m);
  expect(body).toMatch(/^milepost_redis_memory_bytes\{part="max"\} \d+$/m);
  for (const part of ["connected", "bus", "writes"]) {
    expect(body).toContain(`milepost_store_link{part="${part}"} 1\n`);
  }
});
