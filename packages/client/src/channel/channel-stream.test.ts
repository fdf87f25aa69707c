import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";

const at = (offset: number) => `e1.${offset}.t${offset}`;
const event = (n: number) => ({
  type: "event",
  channel: "chat:1",
  position: at(n),
  event: "message",
  data: n,
  ts: n,
});

async function setUp() {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const client = createClient({
    url: "ws://gateway.test/ws",
    webSocket: gateway.webSocket,
    clock,
    onError: () => {},
  });
  client.connect();
  await settle();
  await gateway.last.accept();
  const answer = async (position: string, recovered = false) => {
    await settle();
    const message = gateway.last.take("subscribe");
    await gateway.last.reply(message, { channel: "chat:1", position, recovered });
    return message;
  };
  return { client, gateway, answer, channel: client.channel("chat:1") };
}

describe("iterating over a channel", () => {
  it("events() yields the events in order and unsubscribes when the loop is left", async () => {
    const { gateway, answer, channel } = await setUp();
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const { data } of channel.events()) {
        seen.push(data);
        if (data === 3) break;
      }
    })();
    await answer(at(0));
    await gateway.last.say(event(1), event(2), event(3), event(4));
    await loop;
    expect(seen).toEqual([1, 2, 3]);
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
  });

  it("[P-RULE-22] an event has the publisher that the gateway named, and none where it named none", async () => {
    const { gateway, answer, channel } = await setUp();
    const seen: (string | undefined)[] = [];
    const loop = (async () => {
      for await (const { publisher } of channel.events()) if (seen.push(publisher) === 2) break;
    })();
    await answer(at(0));
    await gateway.last.say({ ...event(1), publisher: "user:ann" }, event(2));
    await loop;
    expect(seen).toEqual(["user:ann", undefined]);
  });

  it("[P-TRC-8] an event has the trace context of its publish, and none where the publish is not traced", async () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const { gateway, answer, channel } = await setUp();
    const seen: (string | undefined)[] = [];
    const loop = (async () => {
      for await (const { traceparent } of channel.events()) if (seen.push(traceparent) === 2) break;
    })();
    await answer(at(0));
    await gateway.last.say({ ...event(1), traceparent }, event(2));
    await loop;
    expect(seen).toEqual([traceparent, undefined]);
  });

  it("stream() passes presence, summaryMs, events and since to the subscription", async () => {
    const { answer, channel } = await setUp();
    void channel
      .stream({ presence: true, summaryMs: 5_000, events: ["message"], since: at(2) })
      .next();
    expect(await answer(at(2), true)).toMatchObject({
      presence: true,
      summary_ms: 5_000,
      events: ["message"],
      since: at(2),
    });
  });

  it("stream() subscribes only when the first item is requested", async () => {
    const { gateway, channel } = await setUp();
    const stream = channel.stream();
    await settle();
    expect(gateway.last.count("subscribe")).toBe(0);
    void stream.next();
    await settle();
    expect(gateway.last.count("subscribe")).toBe(1);
  });

  it("stream() ends when the channel's stream ends", async () => {
    const { gateway, answer, channel } = await setUp();
    const stream = channel.stream();
    const first = stream.next();
    await answer(at(0));
    const end = { type: "end", channel: "chat:1", position: at(1), reason: "done" };
    await gateway.last.say(event(1), end);
    await expect(first).resolves.toMatchObject({ value: { data: 1 } });
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it("events() rejects with the signal's reason when the signal is aborted, and unsubscribes", async () => {
    const { gateway, answer, channel } = await setUp();
    const controller = new AbortController();
    const stream = channel.events({ signal: controller.signal });
    const next = stream.next();
    await answer(at(0));
    controller.abort(new Error("enough"));
    await expect(next).rejects.toThrow("enough");
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    await expect(stream.next()).resolves.toMatchObject({ done: true });
  });

  it("events() rejects with the gateway's error when the subscription is refused", async () => {
    const { gateway, channel } = await setUp();
    const next = channel.events().next();
    await settle();
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" });
    await expect(next).rejects.toMatchObject({ code: "forbidden" });
  });

  it("events() rejects with cancelled when the client is closed", async () => {
    const { client, answer, channel } = await setUp();
    const next = channel.events().next();
    await answer(at(0));
    void client.close();
    await expect(next).rejects.toMatchObject({ code: "cancelled" });
  });

  it("an iteration never skips a gap: events() rejects, stream() yields the gap in order", async () => {
    const { gateway, answer, channel } = await setUp();
    const [events, stream] = [channel.events(), channel.stream()];
    const first = [events.next(), stream.next()];
    await answer(at(0));
    const gap = { type: "gap", channel: "chat:1", from: at(1), to: at(5), reason: "trimmed" };
    await gateway.last.say(event(1), gap, event(6));
    await Promise.all(first);
    await expect(events.next()).rejects.toMatchObject({ code: "not_found" });
    await expect(stream.next()).resolves.toMatchObject({ value: { type: "gap", to: at(5) } });
    await expect(stream.next()).resolves.toMatchObject({ value: { type: "event", data: 6 } });
  });

  it("stream() unsubscribes when its buffer is full, and resumes after the last buffered item once the loop has read it", async () => {
    const { gateway, answer, channel } = await setUp();
    const stream = channel.stream({ maxBuffered: 3 });
    const first = stream.next();
    await answer(at(0));
    await gateway.last.say(event(1));
    await first;
    await gateway.last.say(event(2), event(3), event(4), event(5), event(6));
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    const seen: unknown[] = [];
    const take = async () => {
      const { value } = await stream.next();
      if (value?.type === "event") seen.push(value.data);
    };
    for (let i = 0; i < 3; i++) await take();
    const more = take();
    const resume = await answer(at(4), true);
    expect(resume.since).toBe(at(4));
    await gateway.last.say(event(5), event(6));
    await more;
    await take();
    expect(seen).toEqual([2, 3, 4, 5, 6]);
  });
});
