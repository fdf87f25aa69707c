import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../client.ts";
import { connectedClient, settle } from "../testing/index.ts";
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
  const { client, gateway, clock, errors } = await connectedClient(options);
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
const pending = { position: "pending.0.0", recovered: false, pending: true };
const snapshot = { projection: "latest", state: { n: 0 } };

describe("subscribing to a channel", () => {
  it("[P-SUB-2] a subscriber receives the snapshot, then new entries, and ready resolves", async () => {
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

  it("[P-SUB-2] a subscriber misses no event that arrives in the same frame as the answer", async () => {
    const { gateway, subscribe } = await setUp();
    const { heard } = subscribe();
    await settle();
    const { id } = gateway.last.take("subscribe");
    const reply = { type: "reply", id, result: { channel: "chat:1", ...live(5) } };
    await gateway.last.sayTogether(reply, event(6), event(7));
    expect(heard).toEqual(["e1#6", "e1#7"]);
  });

  it("subscribe sends the start position and the event filter to the gateway", async () => {
    const { gateway, subscribe } = await setUp();
    subscribe({ since: { last: 5 }, events: ["message"] });
    await settle();
    expect(gateway.last.take("subscribe")).toMatchObject({
      channel: "chat:1",
      since: { last: 5 },
      events: ["message"],
    });
  });

  it("[P-SUB-8] a refused subscription reports its error to its own handler and not to the client's onError", async () => {
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

  it("a subscription refused with a retryable error is retried after the wait the gateway asks for", async () => {
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

  it("a subscriber without a start position and one that starts at the head share one subscribe request", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const news = subscribe({ since: "now", events: ["message"] });
    const state = subscribe();
    await answer({ ...live(5), snapshot });
    await gateway.last.say(event(6));
    expect(news.heard).toEqual(["e1#6"]);
    expect(state.heard).toEqual([`snapshot ${at(5)}`, "e1#6"]);
    expect(gateway.last.count("subscribe") + gateway.last.count("unsubscribe")).toBe(0);
  });

  it("closing a subscription before the answer rejects its ready promise with cancelled", async () => {
    const { subscribe } = await setUp();
    const closed = subscribe().subscription;
    closed.close();
    await expect(closed.ready).rejects.toMatchObject({ code: "cancelled" });
  });

  it("a subscribe that is too large to send fails like one that the gateway refuses", async () => {
    const { subscribe, errors } = await setUp();
    const { heard, subscription } = subscribe({ since: `e.1.${"x".repeat(2 ** 20)}` });
    await expect(subscription.ready).rejects.toMatchObject({ code: "too_large" });
    expect(heard).toEqual(["error too_large"]);
    expect(errors).toEqual([]);
  });

  it("a lost connection ends the wait before a refused subscription is retried", async () => {
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

  it("[P-NAME-1] an invalid channel name is refused at once", async () => {
    const { client } = await setUp();
    expect(() => client.channel("no spaces")).toThrow(/not a valid channel name/);
  });

  it("[P-SUB-6] after already_subscribed the client unsubscribes and subscribes again", async () => {
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

describe("the subscription shared by a channel's subscribers", () => {
  it("all subscribers of a channel share one subscription, and the last to close unsubscribes", async () => {
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

  it("a component mounted, unmounted and mounted again in one tick sends one subscribe", async () => {
    const { gateway, subscribe } = await setUp();
    const first = subscribe();
    first.subscription.close();
    subscribe();
    await settle();
    expect(gateway.last.count("subscribe")).toBe(1);
    expect(gateway.last.count("unsubscribe")).toBe(0);
  });

  it("a second subscriber that starts at the head of a channel without a projection sends no subscribe", async () => {
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

  it("[P-SUB-2] a later subscriber receives the snapshot, and the earlier one still receives every entry once", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe();
    await answer({ ...live(3), snapshot });
    const b = subscribe();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    // Entries 4 and 5 were appended meanwhile. The snapshot contains them; the earlier subscriber lacks them.
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

  it("[P-SUB-5] a replay reaches only the subscriber that asked for it", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe({ since: "now" });
    await answer(live(3));
    const b = subscribe({ since: "start" });
    await answer({ position: at(0, "e1", "0"), recovered: false });
    await gateway.last.say(event(1), event(2), event(3), event(4));
    expect(a.heard).toEqual(["e1#4"]);
    expect(b.heard).toEqual(["e1#1", "e1#2", "e1#3", "e1#4"]);
  });

  it("[P-SUB-7] the shared filter is the union of the subscribers' filters, and each receives only its own events", async () => {
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

describe("a subscriber that joins while another one has an event filter", () => {
  it("[P-SUB-7] when a second subscriber widens the filter, the channel resumes where the first one is, and both miss nothing", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const a = subscribe({ events: ["message"], since: "now" });
    await answer(live(1));
    const b = subscribe({ events: ["other"], since: "now" });
    // The head has moved past entries that the first subscriber's filter excluded, or that are still on their
    // way.
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

describe("resuming after a reconnect", () => {
  it("[TRAP-4] [P-SUB-3] a subscription resumes after its last position, which each entry advances", async () => {
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

  it("[TRAP-6] a subscription's position is current inside onEvent, so a process that crashes can resume from it", async () => {
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
    // The first client is abandoned without a close or a lost connection, like a process that crashes.
    const next = await setUp();
    next.subscribe(kept === undefined ? {} : { since: kept });
    await settle();
    expect(next.gateway.last.take("subscribe").since).toBe(at(2));
  });

  it("[P-SUB-3] entries that a replay delivers a second time are dropped", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), event(2), event(3));
    await reconnect();
    await answer(resumed(3));
    await gateway.last.say(event(2), event(3), event(4), event(4));
    expect(heard).toEqual(["e1#1", "e1#2", "e1#3", "e1#4"]);
  });

  it("[P-SUB-4] a gap is reported between the old and new entries when entries were trimmed", async () => {
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

  it("[P-SUB-4] a gap that the gateway announces in its answer is reported even if no gap message follows", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1));
    await reconnect();
    await answer({ position: at(8), recovered: false, reason: "trimmed" });
    await gateway.last.say(event(9));
    expect(heard).toEqual(["e1#1", `gap ${at(1)}..${at(9)} trimmed`, "e1#9"]);
  });

  it("[P-SUB-4] a subscriber receives a reset when the log has a new epoch, and then events with lower offsets", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard } = subscribe();
    await answer({ ...live(40), snapshot });
    await reconnect();
    const position = at(2, "e2");
    await answer({ position, recovered: false, reason: "epoch_changed", snapshot });
    await gateway.last.say(event(3, "e2"));
    expect(heard).toEqual([`snapshot ${at(40)}`, `reset ${position} epoch_changed`, "e2#3"]);
  });

  it("[TRAP-5] [P-SUB-4] after a failover that lost the log's tail, new entries at the same offsets are delivered", async () => {
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

  it("[P-SUB-9] an entry that replaced a lost one at the same offset is reported as a gap and delivered", async () => {
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

  it("[P-SUB-8] a resume that is now forbidden reports the error to the subscriber", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(0));
    await reconnect();
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" });
    expect(heard).toEqual(["error forbidden"]);
    expect(subscription.state).toBe("failed");
  });

  it("[P-OP-9] subscribers of a pending channel send one subscribe, and each starts where it asked once it is live", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const first = subscribe();
    await answer(pending);
    expect(first.subscription.state).toBe("pending");
    const second = subscribe();
    const third = subscribe({ since: "start" });
    await settle();
    expect(second.subscription.state).toBe("pending");
    expect(gateway.last.count("subscribe")).toBe(0);
    await gateway.last.say({ type: "subscribed", channel: "chat:1", ...live(2), snapshot });
    expect(first.subscription.state).toBe("live");
    await expect(first.subscription.ready).resolves.toMatchObject({ position: at(2) });
    expect(first.heard).toEqual([`snapshot ${at(2)}`]);
    await answer({ ...live(2), snapshot });
    await answer(live(0));
    await gateway.last.say(event(1), event(2), event(3));
    expect(first.heard).toEqual([`snapshot ${at(2)}`, "e1#3"]);
    expect(second.heard).toEqual([`snapshot ${at(2)}`, "e1#3"]);
    expect(third.heard).toEqual(["e1#1", "e1#2", "e1#3"]);
  });

  it("[P-OP-9] a pending subscription subscribes again after a reconnect, and unsubscribes when it is closed", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(pending);
    await reconnect();
    await answer(pending);
    expect(subscription.state).toBe("pending");
    subscription.close();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    await gateway.last.say({ type: "subscribed", channel: "chat:1", ...live(2), snapshot });
    expect(heard).toEqual([]);
    await expect(subscription.ready).rejects.toMatchObject({ code: "cancelled" });
  });

  it("[P-OP-10] a live subscription that becomes pending keeps its position, and continues or is reset when it is live again", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer({ ...live(5), snapshot });
    await gateway.last.say({ type: "subscribed", channel: "chat:1", ...pending });
    expect(subscription.state).toBe("pending");
    expect(subscription.position).toBe(at(5));
    await gateway.last.say({ type: "subscribed", channel: "chat:1", ...resumed(5) });
    await gateway.last.say(event(6));
    expect(subscription.state).toBe("live");
    await gateway.last.say({ type: "subscribed", channel: "chat:1", ...pending });
    const begun = { position: at(1, "e2"), recovered: false, snapshot };
    await gateway.last.say({ type: "subscribed", channel: "chat:1", ...begun });
    await gateway.last.say(event(2, "e2"));
    expect(heard.slice(1)).toEqual(["e1#6", `reset ${at(1, "e2")} epoch_changed`, "e2#2"]);
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("[P-OP-9] news of a pending channel is ignored while a newer subscribe has no answer", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const first = subscribe();
    await answer(pending);
    first.subscription.close();
    await settle();
    const second = subscribe();
    await settle();
    await gateway.last.say({ type: "subscribed", channel: "chat:1", ...live(1), snapshot });
    expect(second.subscription.state).toBe("starting");
    await answer({ ...live(2), snapshot });
    expect(second.heard).toEqual([`snapshot ${at(2)}`]);
  });

  it("a subscription closed while disconnected is not sent after the reconnect", async () => {
    const { gateway, subscribe, reconnect, answer } = await setUp();
    const { subscription } = subscribe();
    await answer(live(0));
    await gateway.last.drop();
    subscription.close();
    await reconnect();
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("a subscription that was never answered is sent again with its original start", async () => {
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

describe("delivery while subscribed", () => {
  it("[P-SUB-9] gaps and resets are delivered in order between the entries", async () => {
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

  it("[TRAP-5] [P-SUB-9] missing entries without a gap message are requested again once, then reported as a gap", async () => {
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

  it("[P-SUB-9] once a repeated request brought no missing entries, later holes on that connection are reported at once", async () => {
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

  it("[P-SUB-9] if each answer brings a new epoch and entries are missing after it, the client asks once more, then reports a gap", async () => {
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

  it("a merged event that names the entries it covers is delivered without a gap", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(0));
    await gateway.last.say(event(1), { ...event(5), since: at(1) });
    expect(heard).toEqual(["e1#1", "e1#5"]);
  });

  it("[P-OUT-4] a merged event with entries that the subscriber already received is requested again as separate entries", async () => {
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

  it("an entry of another epoch without a preceding gap or reset is reported as a gap and delivered", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard } = subscribe();
    await answer(live(7));
    await gateway.last.say(event(1, "e2"));
    expect(heard).toEqual([`gap ${at(7)}..${at(1, "e2")} epoch_changed`, "e2#1"]);
  });

  it("[TRAP-11] the end of a stream ends the subscription but not the connection", async () => {
    const { gateway, client, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(0));
    const end = { type: "end", channel: "chat:1", position: at(1), reason: "complete" };
    await gateway.last.say(event(1), end, event(2));
    expect(heard).toEqual(["e1#1", "end complete"]);
    expect(subscription.state).toBe("ended");
    expect(client.state.state).toBe("connected");
  });

  it("[P-END-5] no close code of a connection ends a stream or an operation", async () => {
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

  it("[P-END-5] an operation stays running when its stream ends, and the client does not subscribe to it again", async () => {
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

  it("[P-END-2] an end that arrives after a hole is delivered only once the missing entries have been requested and received", async () => {
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

  it("[P-END-3] an end at the position where the subscription starts is delivered", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer({ ...live(4), snapshot });
    await gateway.last.say({ type: "end", channel: "chat:1", position: at(4), reason: "over" });
    expect(heard).toEqual([`snapshot ${at(4)}`, "end over"]);
    await expect(subscription.ready).resolves.toMatchObject({ position: at(4) });
  });

  it("[P-END-3] the end reaches a subscriber that misses nothing at once, and a subscriber that waits for a replay after that replay", async () => {
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

  it("[P-END-3] a subscriber that joins after the end sends its own subscribe and receives the end", async () => {
    const { gateway, subscribe, answer } = await setUp();
    const first = subscribe();
    await answer(live(1));
    await gateway.last.say({ type: "end", channel: "chat:1", position: at(2), reason: "over" });
    const second = subscribe({ since: "now" });
    await answer(live(2));
    await gateway.last.say({ type: "end", channel: "chat:1", position: at(2), reason: "over" });
    expect([first.heard, second.heard]).toEqual([["end over"], ["end over"]]);
  });

  it("[P-END-5] an unsubscribe by the gateway fails the subscription and does not end the stream", async () => {
    const { gateway, client, subscribe, answer } = await setUp();
    const { heard, subscription } = subscribe();
    await answer(live(1));
    const over = { type: "unsubscribed", channel: "chat:1", position: at(1), reason: "forbidden" };
    await gateway.last.say(over);
    expect(heard).toEqual(["error forbidden"]);
    expect(subscription.state).toBe("failed");
    expect(client.state.state).toBe("connected");
  });

  it("a handler that throws does not receive the entry again and does not disturb other subscribers", async () => {
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

  it("a handler that closes its own subscription receives nothing more of the frame", async () => {
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
  it("a closed client refuses new subscribers, unless it connects again in the same tick", async () => {
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
