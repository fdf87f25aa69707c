import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { Random } from "../random.ts";
import { Relay } from "./relay.ts";

const size = 200_000;

/** Server that answers with the hash of what it received once it has everything, and ends the connection. */
async function hashServer() {
  const server = createServer((socket) => {
    const hash = createHash("sha256");
    let received = 0;
    socket.on("data", (chunk) => {
      hash.update(chunk);
      received += chunk.length;
      if (received === size) socket.end(hash.digest("hex"));
    });
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

test("a relay in bad weather passes every byte, late and in order, and the answer that ends the connection too", async () => {
  const { server, port } = await hashServer();
  const relay = await Relay.start(() => [port]);
  const random = new Random(7);
  relay.weather({
    ...{ delayMs: 1, jitterMs: 3, loss: 0.05, resendMs: 5 },
    fraction: () => random.fraction(),
  });
  const sent = Buffer.from(Array.from({ length: size }, (_, i) => i % 251));
  const socket = connect({ port: relay.port, host: "127.0.0.1" });
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk;
  });
  for (let at = 0; at < sent.length; at += 10_000) socket.write(sent.subarray(at, at + 10_000));
  await once(socket, "close");
  expect(answer).toBe(createHash("sha256").update(sent).digest("hex"));
  await relay.close();
  server.close();
});
