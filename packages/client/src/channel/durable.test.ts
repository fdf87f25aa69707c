import { describe, expect, it } from "vitest";
import {
  connectedClient,
  type ManualClock,
  type ScriptedSocket,
  settle,
} from "../testing/index.ts";
import { type DurableDelivery, type DurableOptions, durable } from "./durable.ts";

const at = (offset: number) => `e1.${offset}.t${offset}`;

const event = (offset: number, attempt?: number) => ({
  type: "event",
  channel: "job:1",
  position: at(offset),
  event: "n",
  data: offset,
  ts: 1_700_000_000_000,
  ...(attempt !== undefined && { attempt }),
});

async function setUp(options: DurableOptions = {}) {
  const { client, gateway, clock, errors } = await connectedClient();
  const subscriber = durable(client.channel("job:1"), "worker", options);
  const hold = async () => {
    await settle();
    const ask = gateway.last.take("subscribe");
    await gateway.last.reply(ask, { channel: "job:1", position: at(0), recovered: true });
    return ask;
  };
  const reconnect = async () => {
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
  };
  return { clock, gateway, client, errors, subscriber, hold, reconnect };
}

/** Returns the acks and nacks sent since the last call, after answering each. */
async function answered(clock: ManualClock, socket: ScriptedSocket): Promise<string[]> {
  await clock.advance(50);
  const said: string[] = [];
  for (const message of socket.sent.splice(0)) {
    if (message.type !== "ack" && message.type !== "nack") continue;
    said.push(`${message.type} ${message.position}`);
    await socket.reply({ id: message.id ?? null }, { channel: "job:1" });
  }
  return said;
}

describe("a durable subscriber of the client", () => {
  it("[G11] a durable subscriber handles entries one after the other and acknowledges several with one ack", async () => {
    const { clock, gateway, subscriber, hold } = await setUp({ since: "start" });
    const seen: unknown[] = [];
    const handled = subscriber.handle(({ data }, attempt) => seen.push([data, attempt]));
    expect(await hold()).toMatchObject({ channel: "job:1", as: "worker", since: "start" });
    await gateway.last.say(event(1), event(2), event(3));
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(3)}`]);
    expect(seen).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    await gateway.last.say({ type: "end", channel: "job:1", position: at(4), reason: "complete" });
    await handled;
  });

  it("a durable subscriber acknowledges no entry while an earlier one is still being handled", async () => {
    const { clock, gateway, subscriber, hold } = await setUp();
    const release = new Map<unknown, () => void>();
    const handler = ({ data }: { data: unknown }) =>
      new Promise<void>((resolve) => release.set(data, resolve));
    void subscriber.handle(handler, { concurrency: 3 });
    await hold();
    await gateway.last.say(event(1), event(2), event(3));
    release.get(2)?.();
    release.get(3)?.();
    expect(await answered(clock, gateway.last)).toEqual([]);
    release.get(1)?.();
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(3)}`]);
  });

  it("an entry whose handler rejects is nacked, delivered again, and then acknowledged by its own ack", async () => {
    const { clock, gateway, subscriber, hold } = await setUp();
    const seen: string[] = [];
    void subscriber.handle(({ data }, attempt) => {
      seen.push(`${data}#${attempt}`);
      if (attempt === 1 && data === 1) throw new Error("busy");
    });
    await hold();
    await gateway.last.say(event(1), event(2));
    expect(await answered(clock, gateway.last)).toEqual([`nack ${at(1)}`, `ack ${at(2)}`]);
    await gateway.last.say(event(3), event(1, 2));
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(1)}`, `ack ${at(3)}`]);
    expect(seen).toEqual(["1#1", "2#1", "3#1", "1#2"]);
  });

  it("the reason of a nack is cut to its maximum length without splitting an emoji", async () => {
    const { clock, gateway, subscriber, hold } = await setUp();
    void subscriber.handle(() => {
      throw new Error(`${"x".repeat(1_023)}😀`);
    });
    await hold();
    await gateway.last.say(event(1));
    await clock.advance(50);
    expect(gateway.last.take("nack")).toMatchObject({ reason: "x".repeat(1_023) });
  });

  it("a redelivered entry is handed to the application again unless its handler still runs", async () => {
    const { clock, gateway, subscriber, hold } = await setUp();
    const first = subscriber.next();
    await hold();
    await gateway.last.say(event(1));
    await first;
    const second = subscriber.next();
    await gateway.last.say(event(1, 2));
    const { value } = await second;
    expect([value?.event.data, value?.attempt]).toEqual([1, 2]);
    value?.ack();
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(1)}`]);
    let calls = 0;
    let release = () => {};
    void subscriber.handle(() => {
      calls++;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    await gateway.last.say(event(2), event(2, 2), event(2, 3));
    release();
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(2)}`]);
    expect(calls).toBe(1);
  });

  it("[G11] acks lost with a connection are sent again on the next one, and each entry is handled once", async () => {
    const { clock, gateway, subscriber, hold, reconnect } = await setUp();
    const seen: unknown[] = [];
    void subscriber.handle(({ data }) => seen.push(data));
    await hold();
    await gateway.last.say(event(1), event(2));
    // Both entries are handled, and the connection breaks before an ack is answered.
    await reconnect();
    await hold();
    await gateway.last.say(event(1, 2), event(2, 2));
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(1)}`, `ack ${at(2)}`]);
    expect(seen).toEqual([1, 2]);
    expect(await answered(clock, gateway.last)).toEqual([]);
  });

  it("a durable subscriber rejects once another connection has taken it over, and does not take it back", async () => {
    const { gateway, subscriber, hold, reconnect } = await setUp();
    const handled = subscriber.handle(() => {});
    const outcome = expect(handled).rejects.toMatchObject({ code: "not_subscribed" });
    await hold();
    const position = at(0);
    const reason = "taken_over";
    await gateway.last.say({ type: "unsubscribed", channel: "job:1", position, reason });
    await outcome;
    await reconnect();
    expect(gateway.last.sent.filter(({ type }) => type === "subscribe")).toEqual([]);
  });

  it("a durable subscriber retries a retryable refusal, reports gaps, and rejects with a final refusal", async () => {
    const gaps: unknown[] = [];
    const { clock, gateway, subscriber, hold } = await setUp({ onGap: (gap) => gaps.push(gap) });
    const next = subscriber.next();
    const outcome = expect(next).rejects.toMatchObject({ code: "forbidden" });
    await settle();
    const unavailable = { code: "store_unavailable", retryable: true };
    await gateway.last.refuse(gateway.last.take("subscribe"), unavailable);
    await clock.advance(16_000);
    await hold();
    const gap = { channel: "job:1", from: at(0), to: at(5), reason: "trimmed" };
    await gateway.last.say({ type: "gap", ...gap });
    expect(gaps).toEqual([gap]);
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
    await settle();
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" });
    await outcome;
  });

  it("a subscribe to a channel held by a durable subscriber fails, and the durable subscriber keeps the channel", async () => {
    const { gateway, client, subscriber, hold } = await setUp();
    void subscriber.next();
    await hold();
    const other = client.channel("job:1").subscribe({});
    await expect(other.ready).rejects.toMatchObject({ code: "already_subscribed" });
    expect(other.state).toBe("failed");
    expect(gateway.last.sent.map(({ type }) => type)).toEqual(["ping"]);
    const delivery = subscriber.next();
    await gateway.last.say(event(1), event(2));
    expect((await delivery).value?.event.data).toBe(2);
  });

  it("a nack that the gateway refuses for good is reported, and one lost with the connection is not", async () => {
    const { clock, gateway, errors, subscriber, hold } = await setUp();
    void subscriber.handle(() => Promise.reject(new Error("busy")));
    await hold();
    await gateway.last.say(event(1));
    await clock.advance(50);
    await gateway.last.refuse(gateway.last.take("nack"), { code: "invalid_position" });
    expect(errors).toMatchObject([{ code: "invalid_position" }]);
    await gateway.last.say(event(2));
    await clock.advance(50);
    await gateway.last.drop();
    expect(errors).toHaveLength(1);
  });

  it("close() sends pending acks before it unsubscribes, a second durable subscriber is refused, and an abort rejects", async () => {
    const aborter = new AbortController();
    const { clock, gateway, client, subscriber, hold } = await setUp({ signal: aborter.signal });
    const next = subscriber.next();
    await hold();
    const second = durable(client.channel("job:1"), "second");
    await expect(second.next()).rejects.toMatchObject({ code: "already_subscribed" });
    await gateway.last.say(event(1));
    (await next).value?.ack();
    const closed = subscriber.close();
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(1)}`]);
    await settle();
    await gateway.last.reply(gateway.last.take("unsubscribe"), { channel: "job:1" });
    await closed;
    expect(await subscriber.next()).toEqual({ done: true, value: undefined });
    const other = durable(client.channel("job:2"), "worker", { signal: aborter.signal });
    const waits = other.next();
    aborter.abort(new Error("enough"));
    await expect(waits).rejects.toThrow("enough");
  });

  it("[G11] an ack that the gateway can never take is reported and not sent again", async () => {
    const { clock, gateway, errors, subscriber, hold, reconnect } = await setUp({ since: "start" });
    void subscriber.handle(() => {});
    await hold();
    await gateway.last.say(event(1));
    await clock.advance(50);
    await gateway.last.refuse(gateway.last.take("ack"), { code: "invalid_position" });
    expect(errors).toMatchObject([{ code: "invalid_position" }]);
    await reconnect();
    await hold();
    await clock.advance(1_000);
    expect(gateway.last.count("ack")).toBe(0);
  });

  it("[P-ACK-2] [G11] an ack resolves once the gateway has answered it, over lost connections, and covers the entries before", async () => {
    const { clock, gateway, subscriber, hold, reconnect } = await setUp();
    const next = subscriber.next();
    await hold();
    await gateway.last.say(event(1), event(2), event(3));
    const saved: number[] = [];
    const acknowledge = (delivery: DurableDelivery | undefined, offset: number) =>
      delivery?.ack().then(() => saved.push(offset));
    void acknowledge((await next).value, 1);
    const second = (await subscriber.next()).value;
    void acknowledge((await subscriber.next()).value, 3);
    await reconnect();
    await hold();
    expect(saved).toEqual([]);
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(1)}`]);
    expect(saved).toEqual([1]);
    void acknowledge(second, 2);
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(3)}`]);
    expect(saved).toEqual([1, 2, 3]);
    await second?.ack();
  });

  it("[P-ACK-2] an ack rejects when the gateway does not know the delivery, and when the subscriber ends before the answer", async () => {
    const { clock, gateway, subscriber, hold } = await setUp();
    const next = subscriber.next();
    await hold();
    await gateway.last.say(event(1), event(2), event(3));
    const unknown = (await next).value?.ack();
    const third = subscriber.next();
    await clock.advance(50);
    await gateway.last.refuse(gateway.last.take("ack"), { code: "invalid_position" });
    await expect(unknown).rejects.toMatchObject({ code: "invalid_position" });
    const late = (await third).value?.ack();
    const position = at(0);
    const reason = "taken_over";
    const fourth = (await subscriber.next()).value;
    await gateway.last.say({ type: "unsubscribed", channel: "job:1", position, reason });
    await expect(late).rejects.toMatchObject({ code: "not_subscribed" });
    await expect(fourth?.ack()).rejects.toMatchObject({ code: "not_subscribed" });
  });

  it("[P-ACK-2] an ack that close() sends resolves with its answer", async () => {
    const { clock, gateway, subscriber, hold } = await setUp();
    const next = subscriber.next();
    await hold();
    await gateway.last.say(event(1), event(2));
    const unhandled = (await next).value;
    const second = (await subscriber.next()).value?.ack();
    const first = unhandled?.ack();
    const closed = subscriber.close();
    expect(await answered(clock, gateway.last)).toEqual([`ack ${at(2)}`]);
    await Promise.all([first, second]);
    await settle();
    await gateway.last.reply(gateway.last.take("unsubscribe"), { channel: "job:1" });
    await closed;
  });
});
