import type { InboxCounts, InboxItem } from "@milepost/model";
import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { openInbox } from "./inbox.ts";

const item = (place: number, change: Partial<InboxItem> = {}): InboxItem => ({
  id: `n${place}`,
  kind: "notification",
  place,
  revision: place,
  at: place,
  data: { id: `n${place}`, level: "info", message: `number ${place}` },
  ...change,
});
const counts = (total: number, unread = total, snoozed = 0): InboxCounts => ({
  total,
  unread,
  open: 0,
  snoozed,
});
const at = (offset: number) => `e1.${offset}.t${offset}`;

async function follow(state: object | null, user: string | null = "7") {
  const [clock, gateway] = [new ManualClock(), new ScriptedGateway()];
  const client = createClient({ url: "ws://test/ws", webSocket: gateway.webSocket, clock });
  const inbox = openInbox(client);
  const stop = inbox.subscribe(() => {});
  await settle();
  await gateway.last.accept({ user_id: user });
  if (user !== null) await answerSubscribe(gateway, state);
  return { client, clock, gateway, inbox, stop };
}

async function answerSubscribe(gateway: ScriptedGateway, state: object | null): Promise<void> {
  const message = gateway.last.take("subscribe");
  expect(message).toMatchObject({ channel: "inbox:7" });
  await gateway.last.reply(message, {
    channel: "inbox:7",
    position: at(3),
    recovered: false,
    snapshot: { projection: "inbox", state },
  });
}

const change = (offset: number, data: object) => ({
  type: "event",
  channel: "inbox:7",
  position: at(offset),
  event: "inbox",
  ts: offset,
  data,
});

describe("the inbox of a client", () => {
  it("[P-INB-13] a client shows items as the gateway tells of them, and sends what the person does", async () => {
    const state = { revision: 3, counts: counts(2), items: [item(2), item(1)], gone: [] };
    const { gateway, inbox } = await follow(state);
    expect(inbox.getSnapshot()).toMatchObject({ status: "live", items: [item(2), item(1)] });
    const reading = inbox.read(["n2"]);
    await settle();
    const request = gateway.last.take("request");
    expect(request).toMatchObject({ method: "inbox.read", params: { items: ["n2"] } });
    await gateway.last.reply(request, { marked: 1, counts: counts(2, 1), revision: 4 });
    expect(await reading).toMatchObject({ marked: 1 });
    // Another device is told the same by the channel.
    const marks = [{ id: "n2", revision: 4, read_at: 9 }];
    await gateway.last.say(change(4, { revision: 4, counts: counts(2, 1), marks }));
    expect(inbox.getSnapshot()).toMatchObject({
      counts: { unread: 1 },
      items: [{ read_at: 9 }, {}],
    });
    const snoozing = inbox.snooze(["n1"], { forMs: 60_000 });
    await settle();
    const snooze = gateway.last.take("request");
    expect(snooze).toMatchObject({ params: { items: ["n1"], for_ms: 60_000 } });
    await gateway.last.reply(snooze, { marked: 1, counts: counts(1, 0, 1), revision: 5 });
    await snoozing;
    const aside = [{ id: "n1", revision: 5, snoozed_until: 60_000 }];
    await gateway.last.say(change(5, { revision: 5, counts: counts(1, 0, 1), marks: aside }));
    expect(inbox.getSnapshot().items.map(({ id }) => id)).toEqual(["n2"]);
    expect(inbox.getSnapshot().snoozed.map(({ id }) => id)).toEqual(["n1"]);
    const gone = [{ id: "n2", revision: 6, reason: "dropped" }];
    await gateway.last.say(change(6, { revision: 6, counts: counts(0, 0, 1), gone }));
    expect(inbox.getSnapshot().items).toEqual([]);
  });

  it("[P-INB-13] older pages are added, follow marks and ends, and keep what newer items push out", async () => {
    const newest = Array.from({ length: 100 }, (_, n) => item(150 - n));
    const state = { revision: 150, counts: counts(150), items: newest, gone: [] };
    const { gateway, inbox } = await follow(state);
    expect(inbox.getSnapshot().hasMore).toBe(true);
    const loading = inbox.loadMore();
    await settle();
    const request = gateway.last.take("request");
    expect(request).toMatchObject({ method: "inbox.list", params: { before: 51, limit: 100 } });
    const items = Array.from({ length: 50 }, (_, n) => item(50 - n));
    await gateway.last.reply(request, { items, counts: counts(150), revision: 150 });
    await loading;
    expect(inbox.getSnapshot()).toMatchObject({ hasMore: false, items: { length: 150 } });
    const news = {
      revision: 153,
      counts: counts(150, 149),
      items: [item(151)],
      marks: [{ id: "n50", revision: 152, read_at: 3 }],
      gone: [{ id: "n49", revision: 153, reason: "dropped" }],
    };
    await gateway.last.say(change(4, news));
    const shown = inbox.getSnapshot().items;
    expect(shown).toHaveLength(150);
    expect(shown.map(({ place }) => place)).toContain(51);
    expect(shown.find(({ id }) => id === "n50")).toMatchObject({ read_at: 3 });
    expect(shown.find(({ id }) => id === "n49")).toBeUndefined();
  });

  it("[P-INB-13] a person without a user has no inbox, and one that never had an item is empty", async () => {
    const nobody = await follow(null, null);
    expect(nobody.inbox.getSnapshot().status).toBe("none");
    const empty = await follow(null);
    expect(empty.inbox.getSnapshot()).toMatchObject({ status: "live", items: [], hasMore: false });
    expect(openInbox(empty.client)).toBe(empty.inbox);
  });

  it("[P-INB-13] a lost connection leaves the items shown as old, and a change is sent again after it", async () => {
    const state = { revision: 3, counts: counts(1), items: [item(1)], gone: [] };
    const { gateway, inbox, clock } = await follow(state);
    const reading = inbox.read("all");
    await settle();
    expect(gateway.last.take("request")).toMatchObject({ params: { items: "all" } });
    await gateway.last.drop();
    expect(inbox.getSnapshot()).toMatchObject({ status: "stale", items: [item(1)] });
    await clock.advance(2_000);
    await settle();
    await gateway.last.accept({ user_id: "7" });
    const again = gateway.last.take("request");
    expect(again).toMatchObject({ method: "inbox.read" });
    await gateway.last.reply(again, { marked: 1, counts: counts(1, 0), revision: 4 });
    expect(await reading).toMatchObject({ marked: 1 });
  });
});
