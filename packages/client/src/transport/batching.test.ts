import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ClientOptions, createClient } from "../index.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { msgpack } from "./msgpack.ts";
import { sdkName, sdkVersion } from "./sdk.ts";

async function connected(options: Partial<ClientOptions> = {}, maxMessageBytes = 1_048_576) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const { webSocket } = gateway;
  const client = createClient({ url: "ws://gateway.test", webSocket, clock, ...options });
  client.connect();
  await settle();
  await gateway.last.accept({
    limits: { max_message_bytes: maxMessageBytes, max_subscriptions: 100 },
  });
  const { last } = gateway;
  await settle();
  last.sent.splice(0);
  last.frames = 0;
  return { clock, client, gateway, socket: last };
}

const ignored = () => {};

describe("[P-BATCH-3] batching by the client", () => {
  it("messages sent in one tick travel in one frame, in the order of the calls", async () => {
    const { client, socket } = await connected();
    for (let n = 0; n < 50; n++) client.publish("chat:1", "m", n).catch(ignored);
    client.request("operations.list").catch(ignored);
    client.publish("chat:1", "m", 50).catch(ignored);
    expect(socket.frames).toBe(0);
    await settle();
    expect(socket.frames).toBe(1);
    const sent = socket.sent.map((message) => ("data" in message ? message.data : message.type));
    expect(sent).toEqual([...Array(50).keys(), "request", 50]);
  });

  it("a single message is sent as an object instead of an array, so that an older gateway can read it", async () => {
    const { client, socket } = await connected();
    const raw: string[] = [];
    socket.send = (data: string) => {
      raw.push(data);
    };
    client.publish("chat:1", "m", 1).catch(ignored);
    await settle();
    expect(raw).toEqual([expect.stringMatching(/^\{"type":"publish"/)]);
  });

  it("a batch over 1,000 messages or the gateway's size limit is split into several frames", async () => {
    const { client, socket } = await connected();
    for (let n = 0; n < 2_500; n++) client.publish("chat:1", "m", n).catch(ignored);
    await settle();
    expect([socket.frames, socket.sent.length]).toEqual([3, 2_500]);

    const small = await connected({}, 10_000);
    const raw: string[] = [];
    small.socket.send = (data: string) => {
      raw.push(data);
    };
    for (let n = 0; n < 20; n++) {
      small.client.publish("chat:1", "m", "\u20ac".repeat(700)).catch(ignored);
    }
    await settle();
    const sizes = raw.map((text) => new TextEncoder().encode(text).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10_000);
    expect(raw.length).toBeLessThan(20);
  });

  it("publishes wait for the option batchMs, unless a message that cannot wait, such as a subscribe, is sent", async () => {
    const { client, clock, socket } = await connected({ batchMs: 20 });
    client.publish("chat:1", "m", 1).catch(ignored);
    await clock.advance(10);
    client.publish("chat:1", "m", 2).catch(ignored);
    await clock.advance(9);
    expect(socket.frames).toBe(0);
    await clock.advance(1);
    expect([socket.frames, socket.sent.length]).toEqual([1, 2]);
    client.publish("chat:1", "m", 3).catch(ignored);
    client.channel("chat:1").subscribe({});
    await settle();
    expect(socket.sent.slice(2).map(({ type }) => type)).toEqual(["publish", "subscribe"]);
    await clock.advance(100);
    expect(socket.frames).toBe(2);
  });

  it("a publish before a close in the same tick is still sent", async () => {
    const { client, socket } = await connected({ batchMs: 1_000 });
    client.publish("chat:1", "m", 1).catch(ignored);
    await client.close();
    expect(socket.sent).toMatchObject([{ type: "publish", data: 1 }]);
  });

  it("a publish carries its priority", async () => {
    const { client, socket } = await connected();
    client.publish("chat:1", "m", 1, { priority: "high" }).catch(ignored);
    client.channel("chat:1").publish("m", 1, { priority: "low" }).catch(ignored);
    client.publish("chat:1", "m", 1).catch(ignored);
    await settle();
    const priorities = socket.sent.map((message) => "priority" in message && message.priority);
    expect(priorities).toEqual(["high", "low", false]);
  });
});

describe("[P-OUT-8] the option summaryMs", () => {
  it("a channel's subscribe asks for the shortest summaryMs of its subscribers, and for none if one of them has none", async () => {
    const { client, socket } = await connected();
    const channel = client.channel("chat:1");
    channel.subscribe({}, { summaryMs: 5_000 });
    await settle();
    const asked = socket.take("subscribe");
    expect(asked).toMatchObject({ channel: "chat:1", summary_ms: 5_000 });
    await socket.reply(asked, { channel: "chat:1", position: "e.1.t", recovered: false });
    // A subscriber that needs no shorter period joins without its own subscribe.
    channel.subscribe({}, { summaryMs: 9_000, since: "now" });
    await settle();
    expect(socket.count("subscribe")).toBe(0);
    channel.subscribe({}, { summaryMs: 1_000, since: "now" });
    await settle();
    const finer = socket.take("subscribe");
    expect(finer).toMatchObject({ summary_ms: 1_000 });
    await socket.reply(finer, { channel: "chat:1", position: "e.1.t", recovered: false });
    channel.subscribe({}, { since: "now" });
    await settle();
    expect(socket.take("subscribe")).not.toHaveProperty("summary_ms");
  });
});

describe("the codec of a client", () => {
  it("[P-DIA-7] a codec is offered before JSON, and not used if the gateway chose JSON", async () => {
    const { gateway, client, socket } = await connected({ codec: msgpack });
    expect(gateway.last.protocols).toEqual([
      "milepost.v1.msgpack.short",
      "milepost.v1.msgpack",
      "milepost.v1.json",
    ]);
    client.publish("chat:1", "m", 1).catch(ignored);
    await settle();
    expect(socket.sent).toMatchObject([{ type: "publish" }]);
  });

  it("[P-DIA-5] both sides use the codec that the gateway chose, and an unreadable frame is reported and ignored", async () => {
    const errors: unknown[] = [];
    const clock = new ManualClock();
    const gateway = new ScriptedGateway();
    const client = createClient({
      url: "ws://gateway.test",
      webSocket: gateway.webSocket,
      clock,
      codec: msgpack,
      onError: (error) => errors.push(error),
    });
    client.connect();
    await settle();
    const { last } = gateway;
    const sent: unknown[] = [];
    Object.assign(last, {
      protocol: "milepost.v1.msgpack",
      send: (data: Uint8Array) => sent.push(msgpack.decode(data)),
    });
    last.open();
    const say = async (message: unknown) => {
      const { buffer, byteOffset, byteLength } = msgpack.encode(message);
      await last.frame(buffer.slice(byteOffset, byteOffset + byteLength));
    };
    await say({ type: "welcome", connection_id: "c", user_id: "u" });
    expect(client.state).toMatchObject({ state: "connected", userId: "u" });
    const request = client.request("x", { at: new Date(0) });
    await settle();
    expect(sent.at(-1)).toMatchObject({ method: "x", params: { at: "1970-01-01T00:00:00.000Z" } });
    await last.frame(Uint8Array.of(0xc1).buffer);
    expect(errors).toHaveLength(1);
    await say([{ type: "reply", id: 1, result: { deep: [1.5] } }]);
    await expect(request).resolves.toEqual({ deep: [1.5] });
    expect(client.metrics().bytesIn).toBeGreaterThan(0);
  });
});

describe("[P-CON-11] the name the client sends", () => {
  it("the client's SDK name is its kind (browser or server) and the version of its package", () => {
    const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    expect(sdkVersion).toBe(JSON.parse(manifest).version);
    expect(sdkName()).toBe(`server/${sdkVersion}`);
  });
});
