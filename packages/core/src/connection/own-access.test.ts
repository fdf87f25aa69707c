import { describe, expect, test } from "vitest";
import { operationRule } from "../rules/default-rules.ts";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const archivist = { claim: "role", equals: "archivist" } as const;
const rules = [
  {
    pattern: "live:*",
    subscribe: "authenticated",
    publish: "authenticated",
    retention,
    history: archivist,
    end: archivist,
  },
  {
    pattern: "state:*",
    subscribe: "authenticated",
    publish: "authenticated",
    retention,
    projection: { name: "latest" },
    history: archivist,
  },
  {
    pattern: "shy:*",
    subscribe: "authenticated",
    publish: "authenticated",
    retention,
    presence: { show: "members", access: archivist },
  },
  operationRule({ command: { all: ["operation-owner", archivist] } }),
] as const;

async function open(t: TestCore, role?: string): Promise<TestSocket> {
  const claims = role === undefined ? {} : { claims: { role } };
  const socket = t.connect({ principal: t.user("ada", claims) });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function ask(t: TestCore, socket: TestSocket, message: object) {
  socket.send({ id: 1, ...message });
  await t.clock.settle();
  return socket.take();
}

describe("a subscriber without history", () => {
  test("[P-RULE-9] a subscriber that may not read the history receives only what is published from then on", async () => {
    await using t = testCore({ rules });
    await t.publish("live:a", "n", 1);
    const socket = await open(t);
    const [reply] = await ask(t, socket, { type: "subscribe", channel: "live:a" });
    expect(reply).toMatchObject({ result: { recovered: false } });
    await t.publish("live:a", "n", 2);
    await t.clock.settle();
    expect(socket.take().map(({ data }) => data)).toEqual([2]);
  });

  test.each(["start", { last: 5 }])(
    "[P-RULE-9] a subscribe since %j is refused without access to the history, and allowed with it",
    async (since) => {
      await using t = testCore({ rules });
      await t.publish("live:a", "n", 1);
      const message = { type: "subscribe", channel: "live:a", since };
      const refused = await ask(t, await open(t), message);
      expect(refused).toMatchObject([{ error: { code: "forbidden" } }]);
      const [, ...events] = await ask(t, await open(t, "archivist"), message);
      expect(events.map(({ data }) => data)).toEqual([1]);
    },
  );

  test("[P-RULE-9] a subscriber without history receives no state, at its start or after a reset", async () => {
    await using t = testCore({ rules });
    await t.publish("state:a", "n", "secret");
    const socket = await open(t);
    const [reply] = await ask(t, socket, { type: "subscribe", channel: "state:a" });
    expect(JSON.stringify(reply)).not.toContain("secret");
    await t.core.channels.purge(t.service, "state:a");
    await t.publish("state:a", "n", "later");
    await t.clock.settle();
    const after = socket.take();
    expect(after.map(({ type }) => type)).not.toContain("reset");
    const [told] = await ask(t, await open(t, "archivist"), {
      type: "subscribe",
      channel: "state:a",
    });
    expect(told).toMatchObject({ result: { snapshot: { state: { data: "later" } } } });
  });

  test("[P-RULE-9] a subscriber without history resumes at an entry that it received, and at no position that it made up", async () => {
    await using t = testCore({ rules });
    await t.publish("live:a", "n", 1);
    const { position } = await t.publish("live:a", "n", 2);
    await t.publish("live:a", "n", 3);
    const resume = { type: "subscribe", channel: "live:a" };
    const [reply, ...events] = await ask(t, await open(t), { ...resume, since: position });
    expect(reply).toMatchObject({ result: { recovered: true } });
    expect(events.map(({ data }) => data)).toEqual([3]);
    const [epoch] = position.split(".");
    for (const since of [`${epoch}.0.0`, `${epoch}.1.madeup`, "another.1.0", "another.0.0"]) {
      const socket = await open(t);
      const told = await ask(t, socket, { ...resume, since });
      expect(told.filter(({ type }) => type === "event")).toEqual([]);
      expect(told[0]).toMatchObject({ result: { recovered: false } });
      await t.publish("live:b", "n", 4);
    }
  });

  test("[P-RULE-9] history, snapshot and end are refused over every method without access, and allowed with it", async () => {
    await using t = testCore({ rules });
    await t.publish("live:a", "n", 1);
    const { channels } = t.core;
    const ada = t.user("ada");
    const code = "forbidden";
    await expect(channels.history(ada, "live:a")).rejects.toMatchObject({ code });
    await expect(channels.snapshot(ada, "live:a")).rejects.toMatchObject({ code });
    await expect(channels.end(ada, "live:a")).rejects.toMatchObject({ code });
    const socket = await open(t);
    for (const method of ["history.get", "channels.end"]) {
      const message = { type: "request", method, params: { channel: "live:a" } };
      expect(await ask(t, socket, message)).toMatchObject([{ error: { code } }]);
    }
    const eve = t.user("eve", { claims: { role: "archivist" } });
    expect((await channels.history(eve, "live:a")).entries).toHaveLength(1);
    await channels.snapshot(eve, "live:a");
    await channels.end(eve, "live:a");
  });

  test("[P-RULE-9] a durable subscriber without history begins at the head only", async () => {
    await using t = testCore({ rules });
    const { position } = await t.publish("live:a", "n", 1);
    const message = { type: "subscribe", channel: "live:a", as: "worker" };
    for (const since of ["start", { last: 1 }, position]) {
      const told = await ask(t, await open(t), { ...message, since });
      expect(told).toMatchObject([{ error: { code: "forbidden" } }]);
    }
    const socket = await open(t);
    await ask(t, socket, message);
    await t.publish("live:a", "n", 2);
    await t.clock.settle();
    expect(socket.take().map(({ data }) => data)).toEqual([2]);
  });
});

describe("presence with an access of its own", () => {
  test("[P-RULE-9] presence is refused at subscribe and over every method without access, and allowed with it", async () => {
    await using t = testCore({ rules });
    const socket = await open(t);
    const subscribe = { type: "subscribe", channel: "shy:a", presence: true };
    expect(await ask(t, socket, subscribe)).toMatchObject([{ error: { code: "forbidden" } }]);
    for (const [method, params] of [
      ["presence.get", { channel: "shy:a" }],
      ["presence.typing", { channel: "shy:a", typing: true }],
    ] as const) {
      const told = await ask(t, socket, { type: "request", method, params });
      expect(told).toMatchObject([{ error: { code: "forbidden" } }]);
    }
    const [plain] = await ask(t, socket, { type: "subscribe", channel: "shy:a" });
    expect(plain).toMatchObject({ result: { channel: "shy:a" } });
    const [present] = await ask(t, await open(t, "archivist"), subscribe);
    expect(present).toMatchObject({ result: { presence: { count: 1 } } });
  });

  test("[P-RULE-9] [G10] a new token without access to presence ends the subscription that is present", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, "archivist");
    await ask(t, socket, { type: "subscribe", channel: "shy:a", presence: true });
    const token = t.token(t.user("ada"));
    const told = await ask(t, socket, { type: "auth", token });
    expect(told).toContainEqual(
      expect.objectContaining({ type: "unsubscribed", channel: "shy:a", reason: "forbidden" }),
    );
  });
});

describe("commands with an access of their own", () => {
  test("[P-RULE-10] an owner without the claim may watch the operation but not command it", async () => {
    await using t = testCore({ rules });
    await t.core.operations.create(t.service, {
      kind: "k",
      operation_id: "o1",
      user_id: "ada",
      lease_ms: 60_000,
    });
    const command = { command: "cancel" } as const;
    const ada = t.user("ada");
    expect((await t.core.operations.get(ada, "o1")).operation.id).toBe("o1");
    await expect(t.core.operations.command(ada, "o1", command)).rejects.toMatchObject({
      code: "forbidden",
    });
    const eve = t.user("eve", { claims: { role: "archivist" } });
    await expect(t.core.operations.command(eve, "o1", command)).rejects.toMatchObject({
      code: "not_found",
    });
    const keeper = t.user("ada", { claims: { role: "archivist" } });
    await t.core.operations.command(keeper, "o1", command);
  });
});
