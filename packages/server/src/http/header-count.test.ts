import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createGateway } from "../gateway.ts";
import { exchange, upgradeRequest } from "../testing/raw-http.ts";
import { startGateway, tokenSecret } from "../testing/test-gateway.ts";

const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`X-${n}`, "1"]));

function get(path: string, count: number): string {
  const lines = Object.entries({ Host: "a", Connection: "close", ...many(count - 2) });
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

test("[P-ADM-5] a request with more than 100 headers is refused with 431, and none of its headers is dropped silently", async () => {
  await using server = await startGateway();
  expect(await exchange(server.port, get("/healthz", 100))).toMatch(/^HTTP\/1\.1 200/);
  const refused = await exchange(server.port, get("/healthz", 101));
  expect(refused).toMatch(/^HTTP\/1\.1 431 .*application\/problem\+json.*"code":"too_large"/s);
  expect(await exchange(server.port, get("/healthz", 2_000))).toMatch(/^HTTP\/1\.1 431 /);
  expect(await exchange(server.port, get("/healthz", 5_000))).toMatch(/^HTTP\/1\.1 431 /);
  const upgrade = upgradeRequest("/ws", many(200));
  expect(await exchange(server.port, upgrade)).toMatch(/^HTTP\/1\.1 431 .*100 headers/s);
  expect((await server.call("GET", "/healthz")).status).toBe(200);
});

test("[P-ADM-5] a gateway in a host's server refuses too many headers on its own paths, and leaves the host's paths alone", async () => {
  const server = createServer((_, response) => response.end("host"));
  const gateway = createGateway({ auth: { tokenSecret, apiKeys: [] } });
  gateway.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  expect(await exchange(port, get("/healthz", 101))).toMatch(/^HTTP\/1\.1 431 /);
  expect(await exchange(port, get("/other", 101))).toMatch(/^HTTP\/1\.1 200 .*host$/s);
  await gateway.close();
  server.close();
});
