import { expect, it } from "vitest";
import { RawWebSocket } from "../testing/raw-web-socket.ts";
import { startGateway } from "../testing/test-gateway.ts";

const kibibyte = 1024;

it("[P-CLOSE-4] a socket that never reads is closed with 4002, and the others get everything", async () => {
  const maxOutboxBytes = 256 * kibibyte;
  await using server = await startGateway({ limits: { maxOutboxBytes } });
  const healthy = await server.socket("/ws/chat/42");
  await healthy.nextOf("subscribed");
  const slow = await RawWebSocket.open(server.port, "/ws/chat/42", await server.token());
  expect(await slow.next()).toMatchObject({ type: "welcome" });
  expect(await slow.next()).toMatchObject({ type: "subscribed" });
  slow.socket.pause();

  const before = process.memoryUsage().arrayBuffers;
  const data = "x".repeat(64 * kibibyte);
  let sent = 0;
  // Until the kernel's buffers and the outbox are full; each publish is seen by the healthy one at once.
  while (server.gateway.stats().subscriptions === 2 && sent < 1_000) {
    sent++;
    await server.gateway.publish("chat:42", "message", { n: sent, data });
    expect(await healthy.nextOf("message")).toMatchObject({ data: { n: sent } });
  }
  expect(server.gateway.stats().subscriptions).toBe(1);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * kibibyte);

  slow.socket.resume();
  expect(await slow.closeCode).toBe(4002);
  await server.gateway.publish("chat:42", "message", { n: sent + 1 });
  expect(await healthy.nextOf("message")).toMatchObject({ data: { n: sent + 1 } });
}, 20_000);

it("[P-CLOSE-4] a socket that was closed for reading slowly resumes where it was", async () => {
  await using server = await startGateway({ limits: { maxOutboxBytes: 64 * kibibyte } });
  const token = await server.token();
  const slow = await RawWebSocket.open(server.port, "/ws/chat/42", token);
  await slow.next();
  await slow.next();
  slow.socket.pause();
  const data = "x".repeat(64 * kibibyte);
  let sent = 0;
  while (server.gateway.stats().subscriptions === 1) {
    await server.gateway.publish("chat:42", "message", { n: ++sent, data });
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seen: number[] = [];
  let cursor = "";
  const reading = (async () => {
    for (;;) {
      const message = await slow.next();
      seen.push(message.data.n);
      cursor = message.event_id;
    }
  })();
  void reading;
  slow.socket.resume();
  expect(await slow.closeCode).toBe(4002);

  const resumed = await server.socket(`/ws?last_event_id=${encodeURIComponent(cursor)}`);
  expect(await resumed.nextOf("subscribed")).toMatchObject({ recovered: true });
  while (seen.length < sent) seen.push((await resumed.nextOf("message")).data.n);
  expect(seen).toEqual(Array.from({ length: sent }, (_, n) => n + 1));
}, 20_000);
