import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";

async function setUp({ connected = true } = {}) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  let dice = 0;
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: "t",
    webSocket: gateway.webSocket,
    clock,
    random: () => (dice = (dice + 0.377) % 1),
    onError: () => {},
  });
  client.connect();
  await settle();
  if (connected) await gateway.last.accept();
  const reconnect = async () => {
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
  };
  return { clock, gateway, client, reconnect };
}

describe("a request", () => {
  it("[P-MSG-4] a request resolves with the result of its own reply, whatever the order of the replies", async () => {
    const { client, gateway } = await setUp();
    const [a, b] = [client.request("operations.get", { operation_id: "a" }), client.request("b")];
    await settle();
    const [first, second] = [gateway.last.take("request"), gateway.last.take("request")];
    expect(first).toMatchObject({ method: "operations.get", params: { operation_id: "a" } });
    await gateway.last.reply(second, "B");
    await gateway.last.reply(first, "A");
    await expect(Promise.all([a, b])).resolves.toEqual(["A", "B"]);
  });

  it("[P-SRV-2] a request rejects with the gateway's error, even one with the unknown code of a newer gateway", async () => {
    const { client, gateway } = await setUp();
    const known = client.request("x");
    await settle();
    await gateway.last.refuse(gateway.last.take("request"), {
      code: "rate_limited",
      message: "slow down",
      retryable: true,
      retry_after_ms: 700,
    });
    await expect(known).rejects.toMatchObject({
      code: "rate_limited",
      message: "slow down",
      retryable: true,
      retryAfterMs: 700,
    });
    const newer = client.request("x");
    await settle();
    await gateway.last.refuse(gateway.last.take("request"), { code: "quota_of_2031" });
    await expect(newer).rejects.toMatchObject({
      message: expect.stringContaining("quota_of_2031"),
    });
  });

  it("[P-REQ-2] a request that times out is cancelled at the gateway, and a late reply is ignored", async () => {
    const { client, gateway, clock } = await setUp();
    const request = client.request("slow", undefined, { timeoutMs: 5_000 });
    const outcome = expect(request).rejects.toMatchObject({ code: "timed_out" });
    await settle();
    const message = gateway.last.take("request");
    expect(message.timeout_ms).toBe(5_000);
    await clock.advance(5_000);
    await outcome;
    await settle();
    expect(gateway.last.take("cancel").id).toBe(message.id);
    await gateway.last.reply(message, "late");
    expect(client.state.state).toBe("connected");
  });

  it("[P-REQ-2] an aborted request rejects with the signal's reason and is cancelled at the gateway", async () => {
    const { client, gateway, clock } = await setUp();
    const controller = new AbortController();
    const request = client.request("slow", undefined, { signal: controller.signal });
    await settle();
    const { id } = gateway.last.take("request");
    controller.abort(new Error("changed my mind"));
    await expect(request).rejects.toThrow("changed my mind");
    await settle();
    expect(gateway.last.take("cancel").id).toBe(id);
    expect(clock.timers).toBe(1);
  });

  it("a request whose signal is already aborted sends nothing", async () => {
    const { client, gateway } = await setUp();
    const request = client.request("x", undefined, { signal: AbortSignal.abort("no") });
    await expect(request).rejects.toBe("no");
    await settle();
    expect(gateway.last.count("request")).toBe(0);
  });

  it("a request made before the connection is open is sent once it opens", async () => {
    const { client, gateway } = await setUp({ connected: false });
    const request = client.request("x");
    await gateway.last.accept();
    await settle();
    await gateway.last.reply(gateway.last.take("request"), 1);
    await expect(request).resolves.toBe(1);
  });

  it("a request without a key rejects with timed_out after a lost connection and is not sent again", async () => {
    const { client, gateway, reconnect } = await setUp();
    const request = client.request("charge.card");
    const outcome = expect(request).rejects.toMatchObject({ code: "timed_out", retryable: true });
    await reconnect();
    await outcome;
    await settle();
    expect(gateway.last.count("request")).toBe(0);
  });

  it("a request that only reads is sent again after the connection broke", async () => {
    const { client, gateway, reconnect } = await setUp();
    const request = client.request("operations.list");
    await reconnect();
    await settle();
    await gateway.last.reply(gateway.last.take("request"), { operations: [] });
    await expect(request).resolves.toEqual({ operations: [] });
  });
});

describe("a publish", () => {
  it("[P-PUB-1] a publish resolves with the position of its entry", async () => {
    const { client, gateway } = await setUp();
    const published = client.channel("chat:1").publish("message", { text: "hi" });
    await settle();
    const message = gateway.last.take("publish");
    expect(message).toMatchObject({ channel: "chat:1", event: "message", data: { text: "hi" } });
    await gateway.last.reply(message, { channel: "chat:1", position: "e.1.t", duplicate: false });
    await expect(published).resolves.toEqual({
      channel: "chat:1",
      position: "e.1.t",
      duplicate: false,
    });
  });

  it("[P-PUB-2] publishes are sent again after a reconnect with the same keys, in the order of the calls", async () => {
    const { client, gateway, reconnect } = await setUp();
    const all = [1, 2, 3].map((n) => client.publish("chat:1", "message", n));
    await settle();
    const before = [1, 2, 3].map(() => gateway.last.take("publish"));
    await gateway.last.reply(before[0] ?? {}, { position: "e.1.t", duplicate: false });
    await reconnect();
    await settle();
    const again = [gateway.last.take("publish"), gateway.last.take("publish")];
    expect(again.map(({ data }) => data)).toEqual([2, 3]);
    expect(again.map(({ key }) => key)).toEqual(before.slice(1).map(({ key }) => key));
    expect(new Set(before.map(({ key }) => key)).size).toBe(3);
    await gateway.last.reply(again[0] ?? {}, { position: "e.2.t", duplicate: true });
    await gateway.last.reply(again[1] ?? {}, { position: "e.3.t", duplicate: false });
    await expect(Promise.all(all)).resolves.toMatchObject([
      { position: "e.1.t" },
      // The client itself sent it twice, so it is no duplicate to the application.
      { position: "e.2.t", duplicate: false },
      { position: "e.3.t" },
    ]);
  });

  it("[P-CLOSE-1] after a close with 1009 the largest message is refused as too_large, and the others are sent again", async () => {
    const { client, gateway, clock } = await setUp();
    const outcomes = [10, 5_000, 20].map((length) =>
      client.publish("chat:1", "message", "x".repeat(length)).then(
        () => "stored",
        ({ code }: { readonly code: string }) => code,
      ),
    );
    await settle();
    expect(gateway.last.count("publish")).toBe(3);
    await gateway.last.drop(1009);
    await clock.advance(16_000);
    await gateway.last.accept();
    expect(gateway.last.count("publish")).toBe(2);
    for (const _ of [1, 2]) {
      await gateway.last.reply(gateway.last.take("publish"), { position: "aaaaaaaaaa.1.aaaaaaaa" });
    }
    expect(await Promise.all(outcomes)).toEqual(["stored", "too_large", "stored"]);
  });

  it("[P-PUB-2] a publish with a key of the application is a duplicate when the gateway says so", async () => {
    const { client, gateway } = await setUp();
    const published = client.publish("chat:1", "message", 1, { key: "k" });
    await settle();
    await gateway.last.reply(gateway.last.take("publish"), { position: "e.1.t", duplicate: true });
    await expect(published).resolves.toMatchObject({ duplicate: true });
  });

  it("a publish sends the key that the application passed", async () => {
    const { client, gateway } = await setUp();
    client.publish("chat:1", "message", 1, { key: "order-7" }).catch(() => {});
    await settle();
    expect(gateway.last.take("publish").key).toBe("order-7");
  });

  it("a publish made while disconnected is sent after the reconnect, unless it is aborted before", async () => {
    const { client, gateway, clock } = await setUp();
    await gateway.last.drop();
    const controller = new AbortController();
    const aborted = client.publish("chat:1", "m", 1, { signal: controller.signal });
    const kept = client.publish("chat:1", "m", 2);
    controller.abort(new Error("never mind"));
    await expect(aborted).rejects.toThrow("never mind");
    await clock.advance(16_000);
    await gateway.last.accept();
    await settle();
    const message = gateway.last.take("publish");
    expect(message.data).toBe(2);
    await settle();
    expect(gateway.last.count("publish")).toBe(0);
    await gateway.last.reply(message, { position: "e.1.t", duplicate: false });
    await kept;
  });

  it("a publish that times out while disconnected rejects and is not sent afterwards", async () => {
    const { client, gateway, clock } = await setUp();
    await gateway.last.drop();
    gateway.sockets.length = 1;
    const published = client.publish("chat:1", "m", 1, { timeoutMs: 100 });
    const outcome = expect(published).rejects.toMatchObject({ code: "timed_out" });
    await clock.advance(100);
    await outcome;
    await clock.advance(16_000);
    await gateway.last.accept();
    await settle();
    expect(gateway.last.count("publish")).toBe(0);
  });

  it("a publish is refused with rate_limited when 1,000 messages already wait", async () => {
    const { client, gateway } = await setUp();
    await gateway.last.drop();
    const waiting = Array.from({ length: 1_000 }, () => client.publish("chat:1", "m", 1));
    await expect(client.publish("chat:1", "m", 1)).rejects.toMatchObject({
      code: "rate_limited",
      retryable: true,
    });
    void client.close();
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  });

  it("[P-MSG-3] a publish over the gateway's size limit is refused by the client, so it does not close the connection", async () => {
    const { client, gateway } = await setUp({ connected: false });
    await gateway.last.accept({ limits: { max_message_bytes: 1_000, max_subscriptions: 1 } });
    await expect(client.publish("chat:1", "m", "é".repeat(500))).rejects.toMatchObject({
      code: "too_large",
    });
    await settle();
    expect(gateway.last.count("publish")).toBe(0);
    client.publish("chat:1", "m", "e".repeat(500)).catch(() => {});
    await settle();
    expect(gateway.last.count("publish")).toBe(1);
  });

  it("[P-DIA-9] a publish or request with a value that JSON would turn into null is refused at once", async () => {
    const { client, gateway } = await setUp();
    const refusals = [
      client.publish("chat:1", "m", { n: Number.NaN }),
      client.publish("chat:1", "m", [1n]),
      client.request("x", [undefined]),
      client.request("x", { big: Number.POSITIVE_INFINITY }),
    ];
    for (const refusal of refusals) {
      await expect(refusal).rejects.toMatchObject({ code: "bad_message" });
    }
    expect([gateway.last.count("publish"), gateway.last.count("request")]).toEqual([0, 0]);
  });

  it("a publish that cannot be written as JSON is refused at once", async () => {
    const { client } = await setUp();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    await expect(client.publish("chat:1", "m", cycle)).rejects.toMatchObject({
      code: "bad_message",
    });
  });
});
