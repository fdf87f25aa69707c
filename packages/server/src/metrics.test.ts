import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RecordingMeter } from "@milepost/core/testing";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

it("a gateway with a meter records its connections by kind of consumer, its publications and its deliveries", async () => {
  const meter = new RecordingMeter();
  await using server = await startGateway({ meter });
  const socket = await server.socket("/ws/chat/42");
  await socket.nextOf("subscribed");
  const token = await server.token();
  const stream = await TestStream.open(`${server.url}/v1/sse?channels=chat:42&token=${token}`);
  await stream.nextOf("subscribed");
  await server.gateway.publish("chat:42", "message", "hello");
  await socket.nextOf("message");
  await stream.nextOf("message");
  const opened = (consumer: string) =>
    meter.count("milepost_connections_opened_total", { consumer });
  expect([opened("websocket"), opened("sse")]).toEqual([1, 1]);
  expect(meter.count("milepost_publications_accepted_total")).toBe(1);
  expect(meter.count("milepost_deliveries_total")).toBe(2);
  await server.gateway.close();
  expect(meter.count("milepost_connections_closed_total")).toBe(2);
  expect(meter.read("milepost_connections")).toBe(0);
});

it("a gateway with a meter counts the fetches of its issuers' keys by result", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: "a", alg: "ES256", use: "sig" };
  let isUp = false;
  const issuer = createServer((_, response) => {
    response.statusCode = isUp ? 200 : 500;
    response.end(JSON.stringify({ keys: [jwk] }));
  });
  issuer.listen(0, "127.0.0.1");
  await once(issuer, "listening");
  const { port } = issuer.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/keys`;
  const meter = new RecordingMeter();
  const auth = { tokens: { jwks: [{ url, cooldownMs: 1 }] } } as object;
  await using server = await startGateway({ meter, auth: auth as never });
  const credential = await new SignJWT({ sub: "7" })
    .setProtectedHeader({ alg: "ES256", kid: "a" })
    .setExpirationTime("10m")
    .sign(privateKey);
  const ask = async () =>
    (await server.call("GET", "/v1/operations?user=7", { credential })).status;
  const count = (result: string) => meter.count("milepost_key_set_fetches_total", { result });
  expect(await ask()).toBe(503);
  expect([count("fetched"), count("failed")]).toEqual([0, 1]);
  isUp = true;
  while ((await ask()) === 503) await new Promise((resolve) => setImmediate(resolve));
  expect(count("fetched")).toBe(1);
  issuer.close();
});
