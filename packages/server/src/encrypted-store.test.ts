import { once } from "node:events";
import { connect } from "node:net";
import { Encryption, signPublication } from "@milepost/protocol";
import { type RedisServer, startRedis } from "@milepost/redis/testing";
import { test as anyTest, expect } from "vitest";
import { createLog } from "./runtime/log.ts";
import { openEngine } from "./runtime/open-engine.ts";
import { startGateway } from "./testing/test-gateway.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const canary = "canary-that-nobody-on-the-way-may-read";
const kept = { maxEntries: 100, maxAgeMs: 60_000 };

/** Values of all keys, as Redis itself reads them. */
const everything = `
local out = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local reads = { string = {'GET', key}, hash = {'HGETALL', key}, stream = {'XRANGE', key, '-', '+'},
    zset = {'ZRANGE', key, '0', '-1'}, set = {'SMEMBERS', key}, list = {'LRANGE', key, '0', '-1'} }
  out[#out + 1] = { key, redis.call(unpack(reads[kind])) }
end
return out`;

/** Sends one command to Redis, and collects what it says from then on. */
async function listen(redis: RedisServer, command: readonly string[]) {
  const socket = connect(redis.port, "127.0.0.1");
  let said = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  socket.write(`*${command.length}\r\n${parts.join("")}`);
  await once(socket, "data");
  return {
    said: () => said,
    async until(text: string) {
      while (!said.includes(text)) await once(socket, "data");
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

test("[P-ENC-4] no command to Redis, no key in it, no line of the log and no answer contains the plain text of encrypted data", async () => {
  await using redis = await startRedis();
  const lines: string[] = [];
  const log = createLog({
    level: "trace",
    readable: false,
    destination: { write: (line) => lines.push(line) },
  });
  const store = await openEngine({ redis: redis.url, redisPrefix: "milepost:sealed" }, log);
  if (store === undefined) throw new Error("no engine for the URL of Redis");
  const open = { subscribe: "authenticated", publish: "authenticated", retention: kept } as const;
  await using server = await startGateway({
    log,
    engine: store.factory,
    rules: [
      { pattern: "vault:{id}", ...open, encrypted: true, projection: { name: "latest" } },
      { pattern: "form:*", ...open, encrypted: ["text"], rollUp: true },
    ],
  });
  using watched = await listen(redis, ["MONITOR"]);
  const encryption = new Encryption(
    { keys: () => new Uint8Array(32).fill(1), currentKeyId: () => "k1" },
    { wait: async () => {}, monotonic: () => 0 },
  );
  const socket = await server.socket("/ws?channels=vault:1,form:1,chat:1");
  const answers: unknown[] = [];
  const signer = { id: "2026-11", secret: "the secret of a test, of 32 bytes and more" };
  const publications = [
    { channel: "vault:1", event: "note", data: { text: canary } },
    { channel: "form:1", event: "sent", data: { text: canary, n: 1 }, fields: ["text"] },
    {
      channel: "chat:1",
      event: "chat_message",
      data: { role: "user", content: canary },
      fields: ["content"],
    },
  ];
  for (const { fields, ...plain } of publications) {
    // By mistake, the publisher sends plain text where the rule demands encrypted data.
    if (plain.channel !== "chat:1") {
      const { data: _, ...rest } = plain;
      const mistake = { ...rest, data: fields === undefined ? "plain" : { text: "plain" } };
      const refused = await server.call("POST", "/v1/publish", { body: mistake });
      expect(refused).toMatchObject({ status: 422, body: { code: "invalid_data" } });
    }
    const { data, key } = await encryption.encrypt({ ...plain, ...(fields && { fields }) });
    const sealed = { channel: plain.channel, event: plain.event, data, key };
    const sig = await signPublication(signer, sealed);
    const answer = await server.call("POST", "/v1/publish", { body: { ...sealed, sig } });
    expect(answer.status).toBe(200);
    const event = await socket.nextOf(plain.event);
    expect(event).toMatchObject({ data, sig });
    const received = { channel: plain.channel, event: plain.event, data: event.data };
    expect(await encryption.decrypt(received)).toEqual({ data: plain.data, encrypted: [] });
    answers.push(event, answer.body);
    for (const part of ["history", "snapshot"]) {
      const path = `/v1/channels/${plain.channel}/${part}`;
      answers.push((await server.call("GET", path)).body);
    }
  }
  answers.push((await server.call("GET", "/ws/health")).body);
  using dumped = await listen(redis, ["EVAL", everything, "0"]);
  await watched.until("'*'");
  await dumped.until("sealed");
  const seen = [watched.said(), dumped.said(), lines.join(), JSON.stringify(answers)];
  for (const text of seen) expect(text.includes(canary)).toBe(false);
  expect(watched.said()).toContain("$encrypted");
  expect(dumped.said()).toContain("$encrypted");
});
