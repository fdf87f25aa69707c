import { describe, expect, it } from "vitest";
import { connectedClient, settle } from "../testing/index.ts";
import { channelPresence } from "./presence.ts";

const channel = "chat:1";
const member = (name: string, since = 1) => ({ id: `user:${name}`, user_id: name, since });
const list = (version: number, ...names: string[]) => ({
  epoch: "e1",
  version,
  members: names.map((name) => member(name)),
  count: names.length,
  typing: [] as string[],
});
const change = (since: number, version: number, rest: object) => ({
  type: "presence",
  channel,
  epoch: "e1",
  since,
  version,
  joined: [],
  left: [],
  count: 2,
  ...rest,
});
const at = (offset: number) => `e1.${offset}.t${offset}`;

async function setUp() {
  const { client, gateway, clock, errors } = await connectedClient();
  const presence = channelPresence(client, channel);
  const answer = async (rest: object, offset = 0, recovered = false) => {
    await settle();
    const asked = gateway.last.take("subscribe");
    await gateway.last.reply(asked, { channel, position: at(offset), recovered, ...rest });
    return asked;
  };
  const names = () => presence.getSnapshot().members.map(({ id }) => id);
  const reconnect = async () => {
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
  };
  return { clock, gateway, client, errors, presence, answer, names, reconnect };
}

describe("presence in a channel", () => {
  it("[P-PRES-2] presence is live while it has listeners, and all share one subscription without events", async () => {
    const { client, gateway, presence, answer, names } = await setUp();
    expect(channelPresence(client, channel).getSnapshot().status).toBe("loading");
    let told = 0;
    const stop = presence.subscribe(() => told++);
    const stopOther = channelPresence(client, channel).subscribe(() => {});
    expect(await answer({ presence: list(1, "u1") })).toMatchObject({
      presence: true,
      since: "now",
      events: ["presence"],
    });
    expect(gateway.last.count("subscribe")).toBe(0);
    expect(presence.self).toBe("user:u1");
    await gateway.last.say(change(1, 3, { joined: [member("bob")], typing: ["user:bob"] }));
    expect(presence.getSnapshot()).toEqual({
      status: "live",
      members: [member("u1"), member("bob")],
      count: 2,
      typing: ["user:bob"],
      error: undefined,
    });
    expect(told).toBeGreaterThan(1);
    const view = presence.getSnapshot();
    await gateway.last.say(change(1, 2, { left: ["user:bob"], count: 1 }));
    expect(presence.getSnapshot()).toBe(view);
    stop();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(0);
    stopOther();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    expect(names()).toEqual(["user:u1", "user:bob"]);
  });

  it("[P-PRES-6] after a missed change the client requests the whole list and then applies the changes that arrived meanwhile", async () => {
    const { gateway, presence, answer, names } = await setUp();
    presence.subscribe(() => {});
    await answer({ presence: list(1, "u1") });
    await gateway.last.say(change(4, 5, { joined: [member("eve")] }));
    const asked = gateway.last.take("request");
    expect(asked).toMatchObject({ method: "presence.get", params: { channel } });
    expect(names()).toEqual(["user:u1"]);
    await gateway.last.say(change(5, 9, { joined: [member("joe")], left: ["user:u1"] }));
    expect(gateway.last.count("request")).toBe(0);
    await gateway.last.reply(asked, { channel, ...list(6, "u1", "bob", "eve") });
    expect(names()).toEqual(["user:bob", "user:eve", "user:joe"]);
    await gateway.last.say(change(9, 10, { left: ["user:joe"] }));
    expect(names()).toEqual(["user:bob", "user:eve"]);
  });

  it("[P-PRES-6] when more than 100 changes arrive during a request for the list, the client requests the list again", async () => {
    const { gateway, presence, answer, names } = await setUp();
    presence.subscribe(() => {});
    await answer({ presence: list(1, "u1") });
    for (let version = 5; version < 205; version++) {
      const news = version % 2 === 0 ? { left: ["user:joe"] } : { joined: [member("joe")] };
      await gateway.last.say(change(version - 1, version, news));
    }
    await gateway.last.reply(gateway.last.take("request"), { channel, ...list(6, "u1", "bob") });
    const again = gateway.last.take("request");
    await gateway.last.reply(again, { channel, ...list(203, "u1", "eve", "joe") });
    expect(names()).toEqual(["user:u1", "user:eve"]);
    expect(gateway.last.count("request")).toBe(0);
  });

  it("presence reports a listener that throws to the client's onError", async () => {
    const { presence, answer, errors } = await setUp();
    const error = new Error("listener");
    presence.subscribe(() => {
      throw error;
    });
    await answer({ presence: list(1, "u1") });
    expect(errors).toContain(error);
  });

  it("[P-PRES-6] a failed request for the list is repeated, and its answer does not replace a list that arrived meanwhile", async () => {
    const { clock, gateway, presence, answer, names } = await setUp();
    presence.subscribe(() => {});
    await answer({ presence: list(1, "u1") });
    await gateway.last.say(change(4, 5, { joined: [member("eve")] }));
    await gateway.last.refuse(gateway.last.take("request"), { code: "store_unavailable" });
    await clock.advance(5_000);
    expect(gateway.last.count("request")).toBe(1);
    await gateway.last.say({ type: "presence", channel, ...list(7, "joe") });
    expect(names()).toEqual(["user:joe"]);
    await gateway.last.reply(gateway.last.take("request"), { channel, ...list(6, "eve") });
    expect(names()).toEqual(["user:joe"]);
  });

  it("[P-PRES-6] after a reconnect the list of the answer replaces the old one, even in another epoch", async () => {
    const { presence, answer, names, reconnect } = await setUp();
    presence.subscribe(() => {});
    await answer({ presence: list(5, "u1", "bob") });
    await reconnect();
    expect(presence.getSnapshot()).toMatchObject({ status: "stale", count: 2 });
    const again = await answer({ presence: { ...list(1, "u1"), epoch: "e2" } }, 7);
    expect(again).toMatchObject({ presence: true, since: "now" });
    expect([presence.getSnapshot().status, names()]).toEqual(["live", ["user:u1"]]);
  });

  it("[P-PRES-1] presence fails with not_supported on a channel without it, and the channel's event subscribers continue", async () => {
    const { client, gateway, presence, answer } = await setUp();
    const heard: unknown[] = [];
    const reader = client.channel(channel).subscribe({ onEvent: ({ data }) => heard.push(data) });
    await answer({}, 3);
    presence.subscribe(() => {});
    await settle();
    const asked = gateway.last.take("subscribe");
    expect(asked).toMatchObject({ presence: true, since: at(3) });
    await gateway.last.refuse(asked, { code: "not_supported" });
    expect(presence.getSnapshot()).toMatchObject({
      status: "failed",
      error: { code: "not_supported" },
    });
    expect(await answer({}, 3, true)).not.toHaveProperty("presence");
    await gateway.last.say({ type: "event", channel, position: at(4), event: "e", data: 4, ts: 1 });
    expect([heard, reader.state]).toEqual([[4], "live"]);
  });

  it("an event subscriber misses nothing when presence on the same channel starts and stops", async () => {
    const { client, gateway, presence, answer, names } = await setUp();
    const heard: unknown[] = [];
    client.channel(channel).subscribe({ onEvent: ({ data }) => heard.push(data) });
    await answer({}, 3);
    const say = (offset: number) =>
      gateway.last.say({
        type: "event",
        channel,
        position: at(offset),
        event: "e",
        data: offset,
        ts: 1,
      });
    await say(4);
    const stop = presence.subscribe(() => {});
    expect(await answer({ presence: list(1, "u1") }, 4, true)).toMatchObject({
      since: at(4),
      presence: true,
    });
    await settle();
    expect(gateway.last.count("subscribe")).toBe(0);
    expect(names()).toEqual(["user:u1"]);
    await say(5);
    stop();
    expect(await answer({}, 5, true)).not.toHaveProperty("presence");
    await say(6);
    expect(heard).toEqual([4, 5, 6]);
  });

  it("a subscriber of events added after a subscriber of presence receives new events, and the presence list stays current", async () => {
    const { client, gateway, presence, answer, names } = await setUp();
    presence.subscribe(() => {});
    await answer({ presence: list(1, "u1") }, 3);
    const heard: unknown[] = [];
    client.channel(channel).subscribe({ onEvent: ({ data }) => heard.push(data) });
    const asked = await answer({ presence: list(4, "u1", "bob") }, 9);
    expect(asked).toMatchObject({ presence: true });
    expect(asked).not.toHaveProperty("since");
    expect(asked).not.toHaveProperty("events");
    await settle();
    expect(gateway.last.count("subscribe")).toBe(0);
    expect(names()).toEqual(["user:u1", "user:bob"]);
  });

  it("presence is live again when a closed client connects again", async () => {
    const { client, gateway, presence, answer, names } = await setUp();
    presence.subscribe(() => {});
    await answer({ presence: list(1, "u1") });
    await client.close();
    expect(presence.getSnapshot().status).toBe("failed");
    client.connect();
    await settle();
    await gateway.last.accept();
    await answer({ presence: list(2, "u1", "bob") });
    expect([presence.getSnapshot().status, names()]).toEqual(["live", ["user:u1", "user:bob"]]);
  });

  it("[P-PRES-11] where the gateway sends no list, as over long-poll, the list is requested every 5 s", async () => {
    const { clock, gateway, presence, answer, names } = await setUp();
    const stop = presence.subscribe(() => {});
    await answer({});
    await gateway.last.reply(gateway.last.take("request"), { channel, ...list(1, "bob") });
    expect([presence.getSnapshot().status, names()]).toEqual(["live", ["user:bob"]]);
    presence.setTyping(true);
    await clock.advance(5_000);
    await gateway.last.reply(gateway.last.take("request"), { channel, ...list(4, "bob", "eve") });
    expect(names()).toEqual(["user:bob", "user:eve"]);
    stop();
    await clock.advance(20_000);
    expect(gateway.last.count("request")).toBe(0);
  });

  it("[P-PRES-7] presence of a channel that offers only a count reports the count and no members", async () => {
    const { gateway, presence, answer } = await setUp();
    presence.subscribe(() => {});
    await answer({ presence: { epoch: "e1", version: 1, count: 41, typing: [] } });
    await gateway.last.say(change(1, 2, { count: 42 }));
    expect(presence.getSnapshot()).toMatchObject({ count: 42, members: [], typing: [] });
  });

  it("channelPresence refuses an invalid channel name", async () => {
    const { client } = await setUp();
    expect(() => channelPresence(client, "no name")).toThrow(/channel/);
  });
});

describe("the typing signal", () => {
  async function live() {
    const all = await setUp();
    const stop = all.presence.subscribe(() => {});
    await all.answer({ presence: list(1, "u1") });
    const said = () => {
      const { sent } = all.gateway.last;
      const requests = sent.splice(0).filter((one) => one.type === "request");
      return requests.map(({ params }) => (params as { typing: boolean }).typing);
    };
    return { ...all, stop, said };
  }

  it("[P-PRES-8] setTyping sends one signal for many key presses, repeats it, and ends it after a pause", async () => {
    const { clock, presence, said } = await live();
    for (let n = 0; n < 4; n++) {
      presence.setTyping(true);
      await clock.advance(200);
    }
    expect(said()).toEqual([true]);
    for (let n = 0; n < 8; n++) {
      presence.setTyping(true);
      await clock.advance(1_000);
    }
    expect(said()).toEqual([true, true]);
    await clock.advance(10_000);
    expect(said()).toEqual([true, true, false]);
    const idle = clock.timers;
    await clock.advance(60_000);
    expect(clock.timers).toBeLessThanOrEqual(idle);
  });

  it("[P-PRES-8] setTyping(false) ends the typing, and so does removing the last listener", async () => {
    const { clock, presence, said, stop } = await live();
    presence.setTyping(true);
    presence.setTyping(false);
    presence.setTyping(false);
    await settle();
    expect(said()).toEqual([true, false]);
    presence.setTyping(true);
    stop();
    await settle();
    presence.setTyping(true);
    await clock.advance(10_000);
    expect(said()).toEqual([true, false]);
  });

  it("[P-PRES-8] a typing signal is never queued while disconnected; after a reconnect it is sent again if the member still types", async () => {
    const { clock, gateway, presence, answer, said } = await live();
    presence.setTyping(true);
    said();
    await gateway.last.drop();
    await clock.advance(1_000);
    presence.setTyping(true);
    await gateway.last.accept();
    await answer({ presence: list(2, "u1") });
    expect(said()).toEqual([true]);
  });
});
