import { signPublication, signRequest } from "@milepost/protocol";
import { startRedis } from "@milepost/redis/testing";
import { test as anyTest, expect } from "vitest";
import { openEngine } from "./runtime/open-engine.ts";
import { startGateway } from "./testing/test-gateway.ts";

const test = anyTest.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const key = { id: "2026-11", secret: "the secret of a test, of 32 bytes and more" };
const credential = "key-of-a-service-that-signs";
const publication = { channel: "chat:42", event: "message", data: { text: "hello" } };
const auth = {
  tokenSecret: "the token secret of a test gateway, which is long",
  apiKeys: [{ name: "signer", key: credential, signing: { keys: { [key.id]: key.secret } } }],
};

async function post(server: Awaited<ReturnType<typeof startGateway>>, sent: object) {
  const body = JSON.stringify(sent);
  const header = await signRequest(key, { method: "POST", target: "/v1/publish", body });
  const send = (to: typeof server) =>
    to.call("POST", "/v1/publish", { credential, body, headers: { "Milepost-Signature": header } });
  return { answer: await send(server), again: send };
}

test("[P-SIG-3] a signed request works once over all nodes, and while Redis is away it is refused with store_unavailable", async () => {
  await using redis = await startRedis();
  const log = { info() {}, warn() {}, error() {} };
  const node = async () => {
    const store = await openEngine({ redis: redis.url, redisPrefix: "milepost" }, log);
    if (store === undefined) throw new Error("no engine for the URL of Redis");
    return startGateway({ auth, engine: store.factory });
  };
  await using first = await node();
  await using second = await node();
  const { answer, again } = await post(first, publication);
  expect(answer).toMatchObject({ status: 200 });
  expect(await again(second)).toMatchObject({ status: 401, body: { code: "bad_signature" } });
  const sig = await signPublication(key, publication);
  const carried = { credential, body: { ...publication, sig } };
  expect(await second.call("POST", "/v1/publish", carried)).toMatchObject({ status: 200 });
  expect(await first.call("POST", "/v1/publish", carried)).toMatchObject({ status: 401 });
  await redis[Symbol.asyncDispose]();
  const away = { status: 503, body: { code: "store_unavailable", retryable: true } };
  expect((await post(second, publication)).answer).toMatchObject(away);
});
