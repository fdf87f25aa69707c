import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { Rule } from "../rules/rule.ts";
import { testCore } from "../testing/index.ts";

const retention = { maxEntries: 100, maxAgeMs: 60_000 };
const open = { subscribe: "authenticated", publish: "authenticated", retention } as const;
const shown: Rule = { pattern: "room:*", ...open, showPublisher: true };

describe("publishers that a rule shows", () => {
  test("[P-RULE-22] every reader learns the verified publisher, and no data or field of the publisher's can change it", async () => {
    await using t = testCore({ rules: [{ ...shown, publish: "anyone" }] });
    const reader = t.connect({ principal: t.user("reader") });
    reader.send({ type: "subscribe", id: 1, channel: "room:a" });
    await t.clock.settle();
    reader.take();
    const principals = [
      [t.user("ann@example.com"), "user:ann~40example.com"],
      [t.user(undefined, { session: "s 1" }), "session:s~201"],
      [t.user(undefined, { guest: "g1" }), "guest:g1"],
      [t.service, "service:backend"],
      [{ kind: "service", name: 'a "key"' } as const, "service:a~20~22key~22"],
    ] as const;
    for (const [principal] of principals) {
      const forged = { publisher: "user:eve" } as object;
      await t.core.channels.publish(principal, "room:a", "said", forged, forged);
    }
    await t.clock.settle();
    const names = principals.map(([, name]) => name);
    const events = reader.take() as { publisher?: string; data: unknown }[];
    expect(events.map(({ publisher }) => publisher)).toEqual(names);
    expect(events[0]?.data).toEqual({ publisher: "user:eve" });
    const { entries } = await t.core.channels.history(t.service, "room:a");
    expect(entries.map(({ publisher }) => publisher)).toEqual(names);
  });

  test("[P-RULE-22] a client that sends a publisher is not believed", async () => {
    await using t = testCore({ rules: [shown] });
    const socket = t.connect({ principal: t.user("eve") });
    await t.clock.settle();
    socket.take();
    const message = { type: "publish", channel: "room:a", event: "said", data: 1 };
    socket.send({ ...message, id: 1, publisher: "user:ann" });
    await t.clock.settle();
    const { entries } = await t.core.channels.history(t.service, "room:a");
    expect(entries.filter(({ publisher }) => publisher !== "user:eve")).toEqual([]);
  });

  test("[P-RULE-22] readers of a channel whose rule shows none learn no publisher, live, in the history or after a resume", async () => {
    await using t = testCore({ rules: [{ ...shown, showPublisher: false }] });
    const reader = t.connect({ principal: t.user("reader") });
    reader.send({ type: "subscribe", id: 1, channel: "room:a" });
    await t.clock.settle();
    reader.take();
    await t.core.channels.publish(t.user("ann"), "room:a", "said", 1);
    await t.clock.settle();
    expect(JSON.stringify(reader.take())).not.toContain("user:ann");
    const late = t.connect({ principal: t.user("reader") });
    late.send({ type: "subscribe", id: 1, channel: "room:a", since: "start" });
    await t.clock.settle();
    expect(JSON.stringify(late.take())).not.toContain("user:ann");
    const page = await t.core.channels.history(t.service, "room:a");
    expect(JSON.stringify(page)).not.toContain("user:ann");
  });

  test("[P-RULE-22] a roll-up shows publishers only where its own rule does", async () => {
    const all: Rule = { pattern: "job:{job}:*", ...open, rollUp: true };
    const one: Rule = {
      pattern: "job:{job}:open",
      ...open,
      rollUp: all.pattern,
      showPublisher: true,
    };
    await using t = testCore({ rules: [one, all] });
    const reader = t.connect({ principal: t.user("reader") });
    reader.send({ type: "subscribe", id: 1, channel: "job:1:*" });
    reader.send({ type: "subscribe", id: 2, channel: "job:1:open" });
    await t.clock.settle();
    reader.take();
    await t.core.channels.publish(t.user("ann"), "job:1:open", "said", 1);
    await t.clock.settle();
    const events = reader.take() as { channel: string; publisher?: string }[];
    expect(events.map(({ channel, publisher }) => [channel, publisher])).toEqual(
      expect.arrayContaining([
        ["job:1:open", "user:ann"],
        ["job:1:*", undefined],
      ]),
    );
  });

  test("[P-RULE-22] a node whose rule shows none hides the publishers that another node has stored", async () => {
    const clock = new ManualClock();
    const store = new SharedEngine(clock, new SeededRandom());
    const chat: Rule = {
      pattern: "talk:*",
      ...open,
      projection: { name: "chat" },
      showPublisher: true,
    };
    await using one = testCore({ engine: store.factory, clock, rules: [chat] });
    await using other = testCore({
      engine: store.factory,
      clock,
      node: "node-2",
      rules: [{ ...chat, showPublisher: false }],
    });
    const reader = other.connect({ principal: other.user("reader") });
    reader.send({ type: "subscribe", id: 1, channel: "talk:a" });
    await one.clock.settle();
    const message = { id: "m", content: "Hello", role: "user" };
    await one.core.channels.publish(one.user("ann"), "talk:a", "chat_message", message);
    await one.clock.settle();
    const late = other.connect({ principal: other.user("reader") });
    late.send({ type: "subscribe", id: 1, channel: "talk:a", since: "start" });
    const joined = other.connect({ principal: other.user("reader") });
    joined.send({ type: "subscribe", id: 1, channel: "talk:a" });
    await one.clock.settle();
    for (const socket of [reader, late, joined]) {
      const received = JSON.stringify(socket.take());
      expect(received).toContain("Hello");
      expect(received).not.toContain("user:ann");
    }
    const own = await one.core.channels.snapshot(one.service, "talk:a");
    expect(own.snapshot?.state).toMatchObject({ messages: [{ publisher: "user:ann" }] });
    const hidden = await other.core.channels.snapshot(other.service, "talk:a");
    expect(JSON.stringify(hidden)).not.toContain("user:ann");
  });
});
