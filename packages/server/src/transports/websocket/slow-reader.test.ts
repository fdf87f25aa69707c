import { expect, it } from "vitest";
import { RawWebSocket } from "../../testing/raw-web-socket.ts";
import { startGateway } from "../../testing/test-gateway.ts";

const kibibyte = 1024;

it("[P-CLOSE-4] a socket that never reads is closed with 4002, and other sockets receive everything", async () => {
  const maxSendQueueBytes = 256 * kibibyte;
  await using server = await startGateway({ limits: { maxSendQueueBytes } });
  const healthy = await server.socket("/ws/chat/42");
  await healthy.nextOf("subscribed");
  using slow = await RawWebSocket.open(server.port, "/ws/chat/42", await server.token());
  expect(await slow.next()).toMatchObject({ type: "welcome" });
  expect(await slow.next()).toMatchObject({ type: "subscribed" });
  slow.socket.pause();

  const before = process.memoryUsage().arrayBuffers;
  const data = "x".repeat(64 * kibibyte);
  let sent = 0;
  // The loop fills the kernel's buffers and the send queue. The healthy socket receives each publication at
  // once.
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

it("[P-CLOSE-4] a socket that was closed as a slow consumer resumes without missing an entry", async () => {
  await using server = await startGateway({ limits: { maxSendQueueBytes: 64 * kibibyte } });
  const token = await server.token();
  using slow = await RawWebSocket.open(server.port, "/ws/chat/42", token);
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

it("[P-OUT-1] [P-OUT-7] 200 sockets that never read use bounded memory, and 50 that read receive everything", async () => {
  const rules = [
    {
      pattern: "chat:*",
      subscribe: "granted",
      publish: "granted",
      retention: { maxEntries: 100, maxAgeMs: 60_000 },
      merge: { state: { class: "state", by: "id" } },
    },
  ] as const;
  // All sockets are those of one user.
  const limits = { maxConnectionsPerUser: 250, maxConnectionsPerSession: 250 };
  await using server = await startGateway({ rules, limits });
  const token = await server.token();
  const reading = await Promise.all(Array.from({ length: 50 }, () => server.socket("/ws/chat/42")));
  await Promise.all(reading.map((socket) => socket.nextOf("subscribed")));
  const stuck = await Promise.all(
    Array.from({ length: 200 }, () => RawWebSocket.open(server.port, "/ws/chat/42", token)),
  );
  for (const socket of stuck) {
    await socket.next();
    expect(await socket.next()).toMatchObject({ type: "subscribed" });
    socket.socket.pause();
  }

  const data = "x".repeat(64 * kibibyte);
  const publish = async (event: string, n: number) => {
    await server.gateway.publish("chat:42", event, { id: n % 4, n, data });
    const got = await Promise.all(reading.map((socket) => socket.nextOf(event)));
    for (const message of got) expect(message.data.n).toBe(n);
  };
  const before = process.memoryUsage();
  // If no entries were merged, this would be far more than the kernel's buffers and the send queue's limit hold
  // together.
  const count = 320;
  for (let n = 0; n < count; n++) await publish("state", n);
  // The send queues hold references to the same entries, and one buffer that all share.
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  expect(arrayBuffers - before.arrayBuffers).toBeLessThan(96 * 1_024 * kibibyte);
  expect(heapUsed - before.heapUsed).toBeLessThan(96 * 1_024 * kibibyte);
  expect(server.gateway.stats().subscriptions).toBe(250);

  const [first] = stuck;
  if (first === undefined) throw new Error("nobody is stuck");
  first.socket.resume();
  const seen: number[] = [];
  while (seen.at(-1) !== count - 1) seen.push((await first.next()).data.n);
  expect(seen.length).toBeLessThan(count - 1);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.slice(-4)).toEqual([count - 4, count - 3, count - 2, count - 1]);

  // Entries that cannot be merged close the sockets that do not read, and no other.
  for (let n = 0; server.gateway.stats().subscriptions > 51 && n < 400; n++)
    await publish("line", n);
  expect(server.gateway.stats().subscriptions).toBe(51);
  for (const { socket } of stuck) socket.destroy();
}, 60_000);
