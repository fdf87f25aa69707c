import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { stream, upload } from "./streams.ts";

async function setUp() {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: "t",
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
    onError: () => {},
  });
  client.connect();
  await settle();
  await gateway.last.accept();
  gateway.last.take("ping");
  return { clock, gateway, client };
}

/** Lets the current tick end, then takes and returns the oldest message of a type that the client sent. */
async function sent<Type extends "request" | "cancel" | "chunk">(
  gateway: ScriptedGateway,
  type: Type,
) {
  await settle();
  return gateway.last.take(type);
}

const chunk = (stream: unknown, index: number, data?: unknown, last?: boolean) => ({
  type: "chunk",
  stream,
  index,
  ...(data !== undefined && { data }),
  ...(last !== undefined && { last }),
});

describe("a stream", () => {
  it("[P-CHUNK-1] a stream sends its request at the first next, yields the chunks, and ends with the result", async () => {
    const { client, gateway } = await setUp();
    const items = stream<number, string>(client, "count", { to: 2 });
    expect(gateway.last.count("request")).toBe(0);
    const first = items.next();
    const { id, ...request } = await sent(gateway, "request");
    expect(request).toEqual({
      type: "request",
      method: "count",
      params: { to: 2 },
      credit: 262_144,
      timeout_ms: 30_000,
    });
    await gateway.last.sayTogether(
      chunk(id, 0, 1),
      chunk(id, 1, null),
      chunk(id, 2, undefined, true),
    );
    await gateway.last.reply({ id }, "done");
    expect(await first).toEqual({ done: false, value: 1 });
    expect(await items.next()).toEqual({ done: false, value: null });
    expect(await items.next()).toEqual({ done: true, value: "done" });
    expect(await items.next()).toMatchObject({ done: true });
    expect(gateway.last.sent).toEqual([]);
  });

  it("[P-CHUNK-3] a stream grants credit only for items that were read, so that the number of unread items is bounded", async () => {
    const { client, gateway } = await setUp();
    const items = stream(client, "big");
    const first = items.next();
    const { id } = await sent(gateway, "request");
    const data = "x".repeat(100_000);
    for (let index = 0; index < 3; index++) await gateway.last.say(chunk(id, index, data));
    await first;
    // Two items are unread, and no credit is granted for unread items.
    expect(gateway.last.count("chunk")).toBe(0);
    await items.next();
    expect(await sent(gateway, "chunk")).toEqual({ type: "chunk", stream: id, credit: 200_132 });
    await items.next();
    expect(gateway.last.count("chunk")).toBe(0);
  });

  it("[P-CHUNK-6] leaving the loop over a stream cancels the request", async () => {
    const { client, gateway, clock } = await setUp();
    const loop = (async () => {
      for await (const item of stream(client, "endless")) if (item === 2) return item;
      return undefined;
    })();
    await settle();
    const { id } = await sent(gateway, "request");
    for (const index of [0, 1, 2, 3]) await gateway.last.say(chunk(id, index, index));
    expect(await loop).toBe(2);
    expect((await sent(gateway, "cancel")).id).toBe(id);
    await gateway.last.say(chunk(id, 4, 4));
    await gateway.last.refuse({ id }, { code: "cancelled" });
    // Only the heartbeat's timer is left.
    expect(clock.timers).toBe(1);
  });

  it("[P-CHUNK-6] an aborted signal ends a stream at once with its reason", async () => {
    const { client, gateway } = await setUp();
    const controller = new AbortController();
    const items = stream(client, "endless", undefined, { signal: controller.signal });
    const first = items.next();
    const { id } = await sent(gateway, "request");
    await gateway.last.say(chunk(id, 0, 0), chunk(id, 1, 1));
    await first;
    controller.abort(new Error("changed my mind"));
    await expect(items.next()).rejects.toThrow("changed my mind");
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect((await sent(gateway, "cancel")).id).toBe(id);
  });

  it("[P-CHUNK-6] a stream rejects with timed_out when no chunk arrives in time, and each chunk restarts the timeout", async () => {
    const { client, gateway, clock } = await setUp();
    const items = stream(client, "slow", undefined, { timeoutMs: 10_000 });
    const first = items.next();
    const { id, timeout_ms } = await sent(gateway, "request");
    expect(timeout_ms).toBe(10_000);
    for (let index = 0; index < 3; index++) {
      await clock.advance(9_000);
      await gateway.last.say(chunk(id, index, index));
    }
    await first;
    await clock.advance(10_000);
    expect([await items.next(), await items.next()]).toMatchObject([{ value: 1 }, { value: 2 }]);
    await expect(items.next()).rejects.toMatchObject({ code: "timed_out" });
    expect((await sent(gateway, "cancel")).id).toBe(id);
  });

  it("[P-CHUNK-8] a stream that loses its connection yields what had arrived, then rejects with a retryable error", async () => {
    const { client, gateway, clock } = await setUp();
    const items = stream(client, "endless");
    const first = items.next();
    const { id } = await sent(gateway, "request");
    await gateway.last.say(chunk(id, 0, 0), chunk(id, 1, 1));
    await gateway.last.drop();
    expect(await first).toMatchObject({ value: 0 });
    expect(await items.next()).toMatchObject({ value: 1 });
    await expect(items.next()).rejects.toMatchObject({ code: "timed_out", retryable: true });
    await clock.advance(16_000);
    await gateway.last.accept();
    expect(gateway.last.count("request")).toBe(0);
    await gateway.last.say(chunk(id, 2, 2));
    expect(client.state.state).toBe("connected");
  });

  it("[P-CHUNK-5] a stream is cancelled with bad_message when the gateway leaves out a chunk", async () => {
    const { client, gateway } = await setUp();
    const items = stream(client, "holes");
    const first = items.next();
    const { id } = await sent(gateway, "request");
    await gateway.last.say(chunk(id, 1, "second"));
    await expect(first).rejects.toMatchObject({ code: "bad_message" });
    expect((await sent(gateway, "cancel")).id).toBe(id);
  });

  it("a stream closed before its first next() sends nothing, and a stream on a closed client rejects", async () => {
    const { client, gateway } = await setUp();
    const items = stream(client, "count");
    await items.return?.();
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(gateway.last.count("request")).toBe(0);
    await client.close();
    await expect(stream(client, "count").next()).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("an upload", () => {
  it("[P-CHUNK-4] an upload sends nothing before it has credit, and stops when the credit is used up", async () => {
    const { client, gateway } = await setUp();
    let pulled = 0;
    let closed = 0;
    const source = (async function* () {
      try {
        for (;;) yield { n: ++pulled };
      } finally {
        closed++;
      }
    })();
    const result = upload(client, "take", { name: "a" }, source);
    const { id, stream: follows, params } = await sent(gateway, "request");
    expect([follows, params]).toEqual([true, { name: "a" }]);
    expect(gateway.last.count("chunk")).toBe(0);
    // Each chunk uses 71 bytes of credit: 7 for its JSON, and 64 that every chunk costs.
    await gateway.last.say({ type: "chunk", stream: id, credit: 150 });
    expect(gateway.last.sent.splice(0)).toEqual([0, 1, 2].map((n) => chunk(id, n, { n: n + 1 })));
    await gateway.last.say({ type: "chunk", stream: id, credit: 70 });
    expect(gateway.last.count("chunk")).toBe(1);
    expect(pulled).toBeLessThanOrEqual(5);
    // The method returns before the source ends.
    await gateway.last.reply({ id }, "enough");
    expect(await result).toBe("enough");
    expect(closed).toBe(1);
  });

  it("[P-CHUNK-4] an upload cuts text and bytes into pieces that join to the whole", async () => {
    const { client, gateway } = await setUp();
    const text = `${"x".repeat(32_767)}😀${"é".repeat(40_000)}`;
    const bytes = Uint8Array.from({ length: 60_001 }, (_, i) => i % 251);
    const readable = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes);
        controller.close();
      },
    });
    const sources = [text, bytes, readable, ["a", { b: 1 }, undefined]];
    const received = [];
    for (const source of sources) {
      const result = upload(client, "take", undefined, source);
      await settle();
      const { id } = await sent(gateway, "request");
      await gateway.last.say({ type: "chunk", stream: id, credit: 10_000_000 });
      await settle();
      const chunks = gateway.last.sent.splice(0) as {
        index: number;
        data?: unknown;
        last?: boolean;
      }[];
      expect(chunks.map(({ index }) => index)).toEqual(chunks.map((_, i) => i));
      expect(chunks.pop()).toEqual(chunk(id, chunks.length, undefined, true));
      received.push(chunks.map(({ data }) => data));
      await gateway.last.reply({ id }, null);
      expect(await result).toBeNull();
    }
    const [texts, whole, streamed, items] = received;
    expect(texts?.join("")).toBe(text);
    for (const piece of texts ?? []) expect(piece).not.toMatch(/[\ud800-\udbff]$/);
    expect(Buffer.from(whole?.join("") ?? "", "base64")).toEqual(Buffer.from(bytes));
    expect(streamed).toEqual(whole);
    expect(items).toEqual(["a", { b: 1 }, null]);
  });

  it("an upload whose source fails rejects with the source's error and cancels the request", async () => {
    const { client, gateway } = await setUp();
    const source = (async function* () {
      yield 1;
      throw new Error("the disk is gone");
    })();
    const result = upload(client, "take", undefined, source);
    const outcome = expect(result).rejects.toThrow("the disk is gone");
    await settle();
    const { id } = await sent(gateway, "request");
    await gateway.last.say({ type: "chunk", stream: id, credit: 1_000 });
    await outcome;
    expect((await sent(gateway, "cancel")).id).toBe(id);
  });
});

describe("a request with a key", () => {
  it("[P-RPC-5] a request with a key sends the key, and is sent again after the connection broke", async () => {
    const { client, gateway, clock } = await setUp();
    const result = client.request("orders.pay", { id: 7 }, { key: "k1" });
    expect(await sent(gateway, "request")).toMatchObject({ key: "k1" });
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
    const again = await sent(gateway, "request");
    expect(again).toMatchObject({ method: "orders.pay", key: "k1" });
    await gateway.last.reply(again, "paid");
    expect(await result).toBe("paid");
  });
});
