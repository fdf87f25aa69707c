import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import type { ChannelHandlers, SubscribeOptions } from "./channel.ts";

const at = (offset: number, epoch = "e1", tag = `t${offset}`) => `${epoch}.${offset}.${tag}`;

const event = (offset: number, epoch = "e1", tag?: string) => ({
  type: "event",
  channel: "chat:1",
  position: at(offset, epoch, tag),
  event: "message",
  data: { n: offset },
  ts: 1_700_000_000_000 + offset,
});

async function setUp(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const errors: unknown[] = [];
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: "t",
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
    onError: (error) => errors.push(error),
    ...options,
  });
  client.connect();
  await settle();
  await gateway.last.accept();
  const subscribe = (subscribeOptions: SubscribeOptions = {}, name = "chat:1") => {
    const heard: string[] = [];
    const handlers: ChannelHandlers = {
      onEvent: ({ position }) => heard.push(position.split(".").slice(0, 2).join("#")),
      onSnapshot: ({ position }) => heard.push(`snapshot ${position}`),
      onGap: ({ from, to, reason }) => heard.push(`gap ${from}..${to} ${reason}`),
      onReset: ({ position, reason }) => heard.push(`reset ${position} ${reason}`),
      onEnd: ({ reason }) => heard.push(`end ${reason}`),
      onError: ({ code }) => heard.push(`error ${code}`),
    };
    return { heard, subscription: client.channel(name).subscribe(handlers, subscribeOptions) };
  };
  const reconnect = async () => {
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
  };
  const answer = async (result: object) => {
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), { channel: "chat:1", ...result });
  };
  return { clock, gateway, client, errors, subscribe, reconnect, answer };
}

const live = (offset: number) => ({ position: at(offset), recovered: false });
const resumed = (offset: number) => ({ position: at(offset), recovered: true });
const snapshot = { projection: "latest", state: { n: 0 } };

describe("subscribing", () => {
  it("[P-SUB-2] gives the snapshot, then what is new, and tells when it is ready", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await settle();
    expect(subscription.state).toBe("starting");
    await answer({ ...live(5), snapshot });
    await gateway.last.say(event(6), event(7));
    expect(heard).toEqual([`snapshot ${at(5)}`, "e1#6", "e1#7"]);
    expect(subscription.state).toBe("live");
    expect(subscription.position).toBe(at(7));
    await expect(subscription.ready).resolves.toMatchObject({ position: at(5), snapshot });
  });

  it("[P-SUB-2] misses nothing that stands in the same frame as the answer", async () => {
    const { gateway, subscribe } = await setUp();
    const { heard } = subscribe();
    await settle();
    const { id } = gateway.last.take("subscribe");
    const reply = { type: "reply", id, result: { channel: "chat:1", ...live(5) } };
    await gateway.last.sayTogether(reply, event(6), event(7));
    expect(heard).toEqual(["e1#6", "e1#7"]);
  });

  it("passes on where to begin and which events are wanted", async () => {
    const { gateway, subscribe } = await setUp();
    subscribe({ since: { last: 5 }, events: ["message"] });
    await settle();
    expect(gateway.last.take("subscribe")).toMatchObject({
      channel: "chat:1",
      since: { last: 5 },
      events: ["message"],
    });
  });

  it("[P-SUB-8] that is refused reaches the subscriber, and nobody else", async () => {
    const { gateway, subscribe, errors } = await setUp();
    const { heard, subscription } = subscribe();
    await settle();
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" });
    expect(heard).toEqual(["error forbidden"]);
    await expect(subscription.ready).rejects.toMatchObject({ code: "forbidden" });
    expect(subscription.state).toBe("failed");
    expect(errors).toEqual([]);
    await gateway.last.say(event(1));
    expect(heard).toHaveLength(1);
  });

  it("that is refused for now is tried again after the wait the service asks for", async () => {
    const { gateway, clock, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await settle();
    const failure = { code: "store_unavailable", retryable: true, retry_after_ms: 3_000 };
    await gateway.last.refuse(gateway.last.take("subscribe"), failure);
    await clock.advance(2_999);
    expect(gateway.last.count("subscribe")).toBe(0);
    await clock.advance(1);
    await answer(live(0));
    await gateway.last.say(event(1));
    expect(heard).toEqual(["e1#1"]);
  });

  it("for the state and from the head at once is one question", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const news = subscribe({ since: "now", events: ["message"] });
    const state = subscribe();
    await answer({ ...live(5), snapshot });
    await gateway.last.say(event(6));
    expect(news.heard).toEqual(["e1#6"]);
    expect(state.heard).toEqual([`snapshot ${at(5)}`, "e1#6"]);
    expect(gateway.last.count("subscribe") + gateway.last.count("unsubscribe")).toBe(0);
  });

  it("that is closed before the answer settles who waits for it", async () => {
    const { subscribe } = await setUp();
    const closed = subscribe().subscription;
    closed.close();
    await expect(closed.ready).rejects.toMatchObject({ code: "cancelled" });
  });

  it("that cannot be sent at all is refused like one the service refuses", async () => {
    const { subscribe, errors } = await setUp();
    const { heard, subscription } = subscribe({ since: `e.1.${"x".repeat(2 ** 20)}` });
    await expect(subscription.ready).rejects.toMatchObject({ code: "too_large" });
    expect(heard).toEqual(["error too_large"]);
    expect(errors).toEqual([]);
  });

  it("that waits to be tried again does not wait on beyond its connection", async () => {
    const { gateway, clock, subscribe } = await setUp();
    subscribe();
    await settle();
    const failure = { code: "store_unavailable", retryable: true, retry_after_ms: 10_000 };
    await gateway.last.refuse(gateway.last.take("subscribe"), failure);
    await clock.advance(5_000);
    await gateway.last.drop();
    await clock.advance(1_000);
    await gateway.last.accept();
    await gateway.last.refuse(gateway.last.take("subscribe"), failure);
    await clock.advance(9_999);
    expect(gateway.last.count("subscribe")).toBe(0);
    await clock.advance(1);
    expect(gateway.last.count("subscribe")).toBe(1);
  });

  it("[P-NAME-1] to what is no channel is refused at once", async () => {
    const { client } = await setUp();
    expect(() => client.channel("no spaces")).toThrow(/no name of a channel/);
  });

  it("[P-SUB-6] is taken over from a connect that was subscribed already", async () => {
    const { gateway, clock, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await settle();
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "already_subscribed" });
    await clock.advance(1_000);
    expect(gateway.last.take("unsubscribe").channel).toBe("chat:1");
    await answer(live(0));
    await gateway.last.say(event(1));
    expect(heard).toEqual(["e1#1"]);
  });
});

describe("one subscription on the wire", () => {
  it("is shared by all subscribers of a channel", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const [a, b] = [subscribe(), subscribe()];
    await answer(live(0));
    await gateway.last.say(event(1));
    expect([a.heard, b.heard]).toEqual([["e1#1"], ["e1#1"]]);
    expect(gateway.last.count("subscribe")).toBe(0);
    a.subscription.close();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(0);
    b.subscription.close();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    await gateway.last.say(event(2));
    expect(b.heard).toEqual(["e1#1"]);
  });

  it("is asked for once when a component is mounted, unmounted and mounted in one go", async () => {
    const { gateway, subscribe } = await setUp();
    const first = subscribe();
    first.subscription.close();
    subscribe();
    await settle();
    expect(gateway.last.count("subscribe")).toBe(1);
    expect(gateway.last.count("unsubscribe")).toBe(0);
  });

  it("is not touched by one who joins at the head of a channel without a state", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe();
    await answer(live(3));
    await gateway.last.say(event(4));
    const b = subscribe();
    await settle();
    expect(gateway.last.count("subscribe")).toBe(0);
    expect(b.subscription.position).toBe(at(4));
    await gateway.last.say(event(5));
    expect([a.heard, b.heard]).toEqual([["e1#4", "e1#5"], ["e1#5"]]);
  });

  it("[P-SUB-2] gives one who joins later the state, and those who are in every entry once", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe();
    await answer({ ...live(3), snapshot });
    const b = subscribe();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    // 4 and 5 were appended meanwhile: the state has them, whoever was in has not.
    await answer({ ...live(5), snapshot });
    await gateway.last.say(event(6));
    await settle();
    const again = gateway.last.take("subscribe");
    expect(again.since).toBe(at(3));
    await gateway.last.reply(again, { channel: "chat:1", ...resumed(3) });
    await gateway.last.say(event(4), event(5), event(6), event(7));
    expect(a.heard).toEqual([`snapshot ${at(3)}`, "e1#4", "e1#5", "e1#6", "e1#7"]);
    expect(b.heard).toEqual([`snapshot ${at(5)}`, "e1#6", "e1#7"]);
  });

  it("[P-SUB-5] replays the past to one who asks for it, and only to that one", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe({ since: "now" });
    await answer(live(3));
    const b = subscribe({ since: "start" });
    await answer({ position: at(0, "e1", "0"), recovered: false });
    await gateway.last.say(event(1), event(2), event(3), event(4));
    expect(a.heard).toEqual(["e1#4"]);
    expect(b.heard).toEqual(["e1#1", "e1#2", "e1#3", "e1#4"]);
  });

  it("[P-SUB-7] asks for all the names that anybody wants, and gives each only theirs", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe({ events: ["message"], since: "now" });
    await answer(live(0));
    const b = subscribe({ events: ["other"], since: "now" });
    await settle();
    const widened = gateway.last.take("subscribe");
    expect(widened.events).toEqual(["message", "other"]);
    await gateway.last.reply(widened, { channel: "chat:1", ...live(0) });
    await gateway.last.say(event(1), { ...event(2), event: "other" });
    expect(a.heard).toEqual(["e1#1"]);
    expect(b.heard).toEqual(["e1#2"]);
    expect(a.subscription.position).toBe(at(2));
  });
});

describe("one who joins while others filter", () => {
  it("[P-SUB-7] leaves nobody behind what the filter had kept from the wire", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe({ events: ["message"], since: "now" });
    await answer(live(1));
    const b = subscribe({ events: ["other"], since: "now" });
    // The head has moved on, past entries that a's filter kept away or that are on their way.
    await answer(live(4));
    const again = gateway.last.take("subscribe");
    expect(again.since).toBe(at(1));
    await gateway.last.reply(again, { channel: "chat:1", ...resumed(1) });
    await gateway.last.say(
      event(3),
      { ...event(4), event: "other" },
      { ...event(5), event: "other" },
    );
    expect(a.heard).toEqual(["e1#3"]);
    expect(b.heard).toEqual(["e1#5"]);
  });
});

describe("coming back", () => {
  it("[TRAP-4] [P-SUB-3] resumes after the last position given, moved on by each entry", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(2));
    await gateway.last.drop();
    expect(subscription.state).toBe("interrupted");
    await reconnect();
    await settle();
    const resume = gateway.last.take("subscribe");
    expect(resume.since).toBe(at(2));
    await gateway.last.reply(resume, { channel: "chat:1", ...resumed(2) });
    await gateway.last.say(event(3));
    expect(heard).toEqual(["e1#1", "e1#2", "e1#3"]);
    expect(subscription.state).toBe("live");
  });

  it("[TRAP-6] has its position with each entry: a process that ends without a word resumes from there", async () => {
    const { gateway, client, answer } = await setUp();
    let kept: string | undefined;
    const subscription = client.channel("chat:1").subscribe({
      onEvent: ({ position }) => {
        expect(subscription.position).toBe(position);
        kept = subscription.position;
      },
    });
    await answer(live(0));
    await gateway.last.sayTogether(event(1), event(2));
    // Nothing of the first process runs any more: neither a close nor a break tells it to keep anything.
    const next = await setUp();
    next.subscribe(kept === undefined ? {} : { since: kept });
    await settle();
    expect(next.gateway.last.take("subscribe").since).toBe(at(2));
  });

  it("[P-SUB-3] drops what a replay brings a second time", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(2), event(3));
    await reconnect();
    await answer(resumed(3));
    await gateway.last.say(event(2), event(3), event(4), event(4));
    expect(heard).toEqual(["e1#1", "e1#2", "e1#3", "e1#4"]);
  });

  it("[P-SUB-4] puts a gap between what was and what comes when entries were trimmed", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1));
    await reconnect();
    await answer({ position: at(8), recovered: false, reason: "trimmed" });
    const gap = { type: "gap", channel: "chat:1", from: at(1), to: at(8), reason: "trimmed" };
    await gateway.last.say(gap, event(9));
    expect(heard).toEqual(["e1#1", `gap ${at(1)}..${at(8)} trimmed`, "e1#9"]);
  });

  it("[P-SUB-4] says that there is a gap even where the service only announced it", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1));
    await reconnect();
    await answer({ position: at(8), recovered: false, reason: "trimmed" });
    await gateway.last.say(event(9));
    expect(heard).toEqual(["e1#1", `gap ${at(1)}..${at(9)} trimmed`, "e1#9"]);
  });

  it("[P-SUB-4] resets to the state when the log was made anew, and takes its offsets from there", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer({ ...live(40), snapshot });
    await reconnect();
    const position = at(2, "e2");
    await answer({ position, recovered: false, reason: "epoch_changed", snapshot });
    await gateway.last.say(event(3, "e2"));
    expect(heard).toEqual([`snapshot ${at(40)}`, `reset ${position} epoch_changed`, "e2#3"]);
  });

  it("[TRAP-5] [P-SUB-4] does not drop the new entries of a log that lost its tail as known ones", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(2), event(3));
    await reconnect();
    const to = at(1);
    await answer({ position: to, recovered: false, reason: "tag_mismatch" });
    const gap = { type: "gap", channel: "chat:1", from: at(3), to, reason: "tag_mismatch" };
    await gateway.last.say(gap, event(2, "e1", "new2"), event(3, "e1", "new3"));
    expect(heard.slice(3)).toEqual([`gap ${at(3)}..${to} tag_mismatch`, "e1#2", "e1#3"]);
  });

  it("[P-SUB-9] an entry in the place of another that was lost is a gap, and is delivered", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(2), event(2, "e1", "new2"), event(3));
    expect(heard.slice(2)).toEqual([
      `gap ${at(2)}..${at(2, "e1", "new2")} tag_mismatch`,
      "e1#2",
      "e1#3",
    ]);
  });

  it("[P-SUB-8] to a channel that is forbidden by now tells the subscriber", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(0));
    await reconnect();
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" });
    expect(heard).toEqual(["error forbidden"]);
    expect(subscription.state).toBe("failed");
  });

  it("subscribes to nothing that was given up while there was no connection", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { subscription } = subscribe();
    await answer(live(0));
    await gateway.last.drop();
    subscription.close();
    await reconnect();
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("begins what never was answered as it was asked for", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe({ since: { last: 2 } });
    await settle();
    await reconnect();
    await settle();
    expect(gateway.last.sent.filter(({ type }) => type === "subscribe")).toHaveLength(1);
    expect(gateway.last.sent.find(({ type }) => type === "subscribe")).toMatchObject({
      since: { last: 2 },
    });
    await answer({ position: at(3), recovered: false });
    await gateway.last.say(event(4));
    expect(heard).toEqual(["e1#4"]);
  });
});

describe("while subscribed", () => {
  it("[P-SUB-9] a gap and a reset stand where they came", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(0));
    await gateway.last.say(
      event(1),
      { type: "gap", channel: "chat:1", from: at(1), to: at(5), reason: "store_unavailable" },
      event(6),
      { type: "reset", channel: "chat:1", position: at(9), snapshot, reason: "limit" },
      event(10),
    );
    expect(heard).toEqual([
      "e1#1",
      `gap ${at(1)}..${at(5)} store_unavailable`,
      "e1#6",
      `reset ${at(9)} limit`,
      "e1#10",
    ]);
    expect(subscription.position).toBe(at(10));
  });

  it("[TRAP-5] [P-SUB-9] a hole nobody spoke of is asked for again, once, and then named", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(4));
    await settle();
    const again = gateway.last.take("subscribe");
    expect(again.since).toBe(at(1));
    await gateway.last.reply(again, { channel: "chat:1", ...resumed(1) });
    await gateway.last.say(event(2), event(3), event(4), event(7));
    const twice = gateway.last.take("subscribe");
    expect(twice.since).toBe(at(4));
    await gateway.last.reply(twice, { channel: "chat:1", ...resumed(4) });
    await gateway.last.say(event(7), event(8));
    expect(heard).toEqual([
      ...["e1#1", "e1#2", "e1#3", "e1#4"],
      `gap ${at(4)}..${at(7)} missing`,
      ...["e1#7", "e1#8"],
    ]);
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("[P-SUB-9] asking again that did not help is not done again on this connection", async () => {
    const { gateway, subscribe, answer, reconnect } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(4));
    await answer(resumed(1));
    await gateway.last.say(event(4), event(5), event(8), event(9), event(12));
    await settle();
    expect(gateway.last.count("subscribe")).toBe(0);
    expect(heard).toEqual([
      ...["e1#1", `gap ${at(1)}..${at(4)} missing`, "e1#4", "e1#5"],
      ...[`gap ${at(5)}..${at(8)} missing`, "e1#8", "e1#9"],
      ...[`gap ${at(9)}..${at(12)} missing`, "e1#12"],
    ]);
    await reconnect();
    await answer(resumed(12));
    await gateway.last.say(event(15));
    await settle();
    expect(gateway.last.take("subscribe").since).toBe(at(12));
  });

  it("[P-SUB-9] a service whose every answer is another log and has a hole is asked once, and told of", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer({ ...live(0), snapshot });
    await gateway.last.say(event(3));
    for (let life = 2; life < 9; life++) {
      await settle();
      if (gateway.last.count("subscribe") === 0) break;
      const other = { position: at(5, `e${life}`), recovered: false, reason: "epoch_changed" };
      await answer({ ...other, snapshot });
      await gateway.last.say(event(8, `e${life}`));
    }
    await settle();
    expect(gateway.last.count("subscribe")).toBe(0);
    expect(heard).toEqual([
      `snapshot ${at(0)}`,
      `reset ${at(5, "e2")} epoch_changed`,
      `gap ${at(5, "e2")}..${at(8, "e2")} missing`,
      "e2#8",
    ]);
  });

  it("a merged event that says what it covers is no hole", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), { ...event(5), since: at(1) });
    expect(heard).toEqual(["e1#1", "e1#5"]);
  });

  it("[P-OUT-4] a merged event of which a part is known is asked for again, apart", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(2), { ...event(5), since: at(1) });
    await settle();
    const again = gateway.last.take("subscribe");
    expect(again.since).toBe(at(2));
    await gateway.last.reply(again, { channel: "chat:1", ...resumed(2) });
    await gateway.last.say(event(3), event(4), event(5), { ...event(9), since: at(5) });
    expect(heard).toEqual(["e1#1", "e1#2", "e1#3", "e1#4", "e1#5", "e1#9"]);
  });

  it("another life of the log without a word is a gap", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(7));
    await gateway.last.say(event(1, "e2"));
    expect(heard).toEqual([`gap ${at(7)}..${at(1, "e2")} epoch_changed`, "e2#1"]);
  });

  it("[TRAP-11] the end of the stream ends the subscription, and is not the end of the connection", async () => {
    const { gateway, client, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(0));
    const end = { type: "end", channel: "chat:1", position: at(1), reason: "complete" };
    await gateway.last.say(event(1), end, event(2));
    expect(heard).toEqual(["e1#1", "end complete"]);
    expect(subscription.state).toBe("ended");
    expect(client.state.state).toBe("connected");
  });

  it("[P-END-5] no close of the connection, whatever its code, is the end of a stream or an operation", async () => {
    for (const code of [1000, 1001, 1006, 4000, 4002, 4003, 4101, 4400, 4401, 4403]) {
      const { gateway, client, subscribe, answer } = await setUp();
      const { heard, subscription } = subscribe();
      await answer(live(0));
      const operation = client.operation("9");
      let finished: unknown = "waits";
      operation.finished().then(
        () => {
          finished = "done";
        },
        (error: { readonly code: string }) => {
          finished = error.code;
        },
      );
      const stream = client.channel("chat:1").stream();
      const next = stream.next().then(
        ({ done }) => (done ? "done" : "item"),
        (error: { readonly code: string }) => error.code,
      );
      await settle();
      await gateway.last.drop(code, "bye");
      await settle();
      expect(heard.filter((word) => word.startsWith("end"))).toEqual([]);
      expect(["interrupted", "failed"]).toContain(subscription.state);
      expect(finished).not.toBe("done");
      expect(operation.view.kind).not.toBe("ready");
      await client.close();
      expect(await next).not.toBe("done");
    }
  });

  it("[P-END-5] the end of an operation's stream does not make it done, nor waits the client to hear of it", async () => {
    const { gateway, client, clock } = await setUp();
    const operation = client.operation("9");
    const stop = operation.subscribe(() => {});
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), {
      channel: "operation:9",
      ...live(3),
      snapshot: { projection: "operation", state: { id: "9", status: "running" } },
    });
    const end = { type: "end", channel: "operation:9", position: at(4), reason: "complete" };
    await gateway.last.say(end);
    expect(operation.view).toMatchObject({ kind: "ready", state: { status: "running" } });
    expect(client.state.state).toBe("connected");
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
    expect(gateway.last.count("subscribe")).toBe(0);
    stop();
  });

  it("[P-END-2] an end that does not follow what was given is no end yet: what is missing is asked for first", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(1));
    const end = { type: "end", channel: "chat:1", position: at(4), reason: "over" };
    await gateway.last.say(end);
    expect(heard).toEqual([]);
    await answer(resumed(1));
    await gateway.last.say(event(2), event(3), end);
    expect(heard).toEqual(["e1#2", "e1#3", "end over"]);
    expect(subscription.state).toBe("ended");
  });

  it("[P-END-3] an end at the very position where the stream starts is told", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer({ ...live(4), snapshot });
    await gateway.last.say({ type: "end", channel: "chat:1", position: at(4), reason: "over" });
    expect(heard).toEqual([`snapshot ${at(4)}`, "end over"]);
    await expect(subscription.ready).resolves.toMatchObject({ position: at(4) });
  });

  it("[P-END-3] an end on the way of another's question ends who has all, and the other after its answer", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const first = subscribe();
    await answer(live(1));
    const second = subscribe({ since: "start" });
    await settle();
    const end = { type: "end", channel: "chat:1", position: at(2), reason: "over" };
    await gateway.last.say(end);
    expect([first.heard, second.heard]).toEqual([["end over"], []]);
    await answer(live(0));
    await gateway.last.say(event(1), end);
    expect([first.heard, second.heard]).toEqual([["end over"], ["e1#1", "end over"]]);
  });

  it("[P-END-3] who comes after the end asks anew, and does not join where nothing follows", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const first = subscribe();
    await answer(live(1));
    await gateway.last.say({ type: "end", channel: "chat:1", position: at(2), reason: "over" });
    const second = subscribe({ since: "now" });
    await answer(live(2));
    await gateway.last.say({ type: "end", channel: "chat:1", position: at(2), reason: "over" });
    expect([first.heard, second.heard]).toEqual([["end over"], ["end over"]]);
  });

  it("[P-END-5] unsubscribed by the service is a failure and no end", async () => {
    const { gateway, client, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(1));
    const over = { type: "unsubscribed", channel: "chat:1", position: at(1), reason: "forbidden" };
    await gateway.last.say(over);
    expect(heard).toEqual(["error forbidden"]);
    expect(subscription.state).toBe("failed");
    expect(client.state.state).toBe("connected");
  });

  it("a handler that throws is not given the entry again and harms no other", async () => {
    const { client, gateway, errors, subscribe, answer } = await setUp();
    let calls = 0;
    client.channel("chat:1").subscribe({
      onEvent() {
        calls++;
        throw new Error("mine");
      },
    });
    const other = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(1), event(2));
    expect(calls).toBe(2);
    expect(other.heard).toEqual(["e1#1", "e1#2"]);
    expect(errors).toEqual([new Error("mine"), new Error("mine")]);
  });

  it("a handler may close its own subscription and hears nothing more of the frame", async () => {
    const { client, gateway, answer } = await setUp();
    const heard: string[] = [];
    const subscription = client.channel("chat:1").subscribe({
      onEvent({ position }) {
        heard.push(position);
        subscription.close();
      },
    });
    await answer(live(0));
    await gateway.last.sayTogether(event(1), event(2), event(3));
    expect(heard).toEqual([at(1)]);
  });

  it("no handler is called inside subscribe or close", async () => {
    const { client, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(0));
    const before = heard.length;
    const second = subscribe({ since: "now" });
    subscription.close();
    void client.close();
    expect(heard).toHaveLength(before);
    expect(second.heard).toEqual([]);
    await settle();
    expect(second.heard).toEqual(["error cancelled"]);
    expect(heard).toHaveLength(before);
  });
});

describe("a client that is closed", () => {
  it("refuses new subscribers, unless it is connected again in the same tick", async () => {
    const { client, gateway, subscribe, answer } = await setUp();
    await client.close();
    const late = subscribe();
    await settle();
    expect(late.heard).toEqual(["error cancelled"]);
    const inTime = subscribe();
    client.connect();
    await settle();
    await gateway.last.accept();
    await answer(live(0));
    await gateway.last.say(event(1));
    expect(inTime.heard).toEqual(["e1#1"]);
  });
});
