import {
  type DefinedContract,
  defineContract,
  type SchemaOutcome,
  type StandardSchema,
  unchecked,
} from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../../testing/index.ts";

/** A schema of objects with one text field. */
function textField<Name extends string>(name: Name): StandardSchema<{ [N in Name]: string }> {
  const validate = (value: unknown): SchemaOutcome<{ [N in Name]: string }> => {
    const fields = new Map(Object.entries(value ?? {}));
    return typeof fields.get(name) === "string"
      ? { value: value as { [N in Name]: string } }
      : { issues: [{ message: "must be text", path: [name] }] };
  };
  return { "~standard": { version: 1, vendor: "test", validate } };
}

const any = unchecked();

function withChannels(channels: DefinedContract["channels"]): TestCore {
  return testCore({ contract: defineContract({ channels }) });
}

describe("channels of a contract", () => {
  const room = { "room:{room}": { events: { message: textField("text"), left: any } } };

  test("[P-TYPE-1] take the events they have", async () => {
    await using t = withChannels(room);
    await expect(t.publish("room:1", "message", { text: "hi" })).resolves.toMatchObject({
      channel: "room:1",
    });
    await t.publish("room:1", "left", 5);
  });

  test("[P-TYPE-1] refuse an event they do not have, and say which they have", async () => {
    await using t = withChannels(room);
    await expect(t.publish("room:1", "mesage", { text: "hi" })).rejects.toMatchObject({
      code: "invalid_event",
      message: 'room:1 has no event "mesage"; its events are message, left',
    });
    for (const event of ["constructor", "toString"]) {
      await expect(t.publish("room:1", event, {})).rejects.toMatchObject({ code: "invalid_event" });
    }
    expect((await t.core.channels.history(t.service, "room:1")).entries).toEqual([]);
  });

  test("[P-TYPE-1] refuse data that do not fit, and say where", async () => {
    await using t = withChannels(room);
    await expect(t.publish("room:1", "message", { text: 5 })).rejects.toMatchObject({
      code: "invalid_data",
      message: expect.stringContaining("text: must be text"),
    });
  });

  test("[P-TYPE-1] take every event where the contract says *, each with its own schema", async () => {
    await using t = withChannels({
      "room:{room}": { events: { message: textField("text"), "*": textField("note") } },
    });
    await t.publish("room:1", "whatever", { note: "n" });
    await expect(t.publish("room:1", "whatever", {})).rejects.toMatchObject({
      code: "invalid_data",
    });
    await expect(t.publish("room:1", "message", { note: "n" })).rejects.toMatchObject({
      code: "invalid_data",
    });
  });

  test("[P-TYPE-1] tell a client over its connection", async () => {
    await using t = withChannels(room);
    const principal = t.user("ada", { grants: { subscribe: [], publish: ["room:*"] } });
    const socket = t.connect({ principal });
    await t.clock.settle();
    socket.take();
    socket.send({ type: "publish", id: 1, channel: "room:1", event: "message", data: {} });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "reply", id: 1, error: { code: "invalid_data" } },
    ]);
  });

  test("[P-TYPE-2] have what their narrowest pattern says, in whatever order", async () => {
    const patterns = {
      "room:{room}:*": { events: { any } },
      "room:{room}": { events: { message: any } },
      "room:lobby": { events: { opened: any } },
      "room:{room}:typing": { events: { typing: any } },
    };
    const backwards = Object.fromEntries(Object.entries(patterns).reverse());
    for (const channels of [patterns, backwards]) {
      await using t = withChannels(channels);
      const has = {
        "room:1": "message",
        "room:lobby": "opened",
        "room:1:typing": "typing",
        "room:1:2:3": "any",
      };
      for (const [channel, event] of Object.entries(has)) {
        await t.publish(channel, event, 1);
        for (const other of ["message", "opened", "typing", "any"].filter((o) => o !== event)) {
          await expect(t.publish(channel, other, 1)).rejects.toMatchObject({
            code: "invalid_event",
          });
        }
      }
    }
  });

  test("[P-TYPE-2] which the contract does not name are as they were", async () => {
    await using t = withChannels(room);
    await t.publish("news", "anything", 5);
    await t.publish("room:1:typing", "anything", 5);
  });

  test("[P-TYPE-3] of users and sessions still get what the gateway publishes there", async () => {
    await using t = withChannels({
      "user:{user}": { events: { cart: textField("id") } },
      "session:{session}": { events: {} },
    });
    await t.publish("user:7", "cart", { id: "c" });
    await t.core.channels.notify(t.service, "7", { level: "info", message: "hello" });
    await t.core.operations.create(t.service, { kind: "index", user_id: "7", session_id: "s" });
    await t.clock.settle();
    const events = async (channel: string) =>
      (await t.core.channels.history(t.service, channel)).entries.map(({ event }) => event);
    expect(await events("user:7")).toEqual(["cart", "notification", "operation"]);
    expect(await events("session:s")).toEqual(["operation"]);
    await expect(t.publish("user:7", "other", 1)).rejects.toMatchObject({ code: "invalid_event" });
  });
});

test("[P-TYPE-3] a channel keeps the events that its rule names, and no others of it", async () => {
  const retention = { maxEntries: 10, maxAgeMs: 60_000 };
  const schema = { audit: textField("who"), message: any, "*": any };
  await using t = testCore({
    rules: [{ pattern: "room:*", subscribe: "granted", publish: "granted", retention, schema }],
    contract: defineContract({
      channels: { "room:{room}": { events: { message: textField("text") } } },
    }),
  });
  await t.publish("room:1", "audit", { who: "ada" });
  for (const event of ["audit", "message"]) {
    await expect(t.publish("room:1", event, {})).rejects.toMatchObject({ code: "invalid_data" });
  }
  await expect(t.publish("room:1", "other", 1)).rejects.toMatchObject({ code: "invalid_event" });
});

describe("what a contract says of channels besides their events", () => {
  const events = { message: any };

  test("[P-TYPE-4] holds where the deployment's rules say nothing", async () => {
    await using t = withChannels({
      "room:{room}": {
        events,
        subscribe: "authenticated",
        retention: { maxEntries: 2, maxAgeMs: 60_000 },
      },
    });
    for (const n of [1, 2, 3]) await t.publish("room:1", "message", n);
    const { entries } = await t.core.channels.history(t.user("anyone"), "room:1");
    expect(entries.map(({ data }) => data)).toEqual([2, 3]);
  });

  test("[P-TYPE-4] leaves the last word to the deployment's rules, and its events hold all the same", async () => {
    const contract = defineContract({
      channels: { "room:{room}": { events, subscribe: "authenticated" } },
    });
    const retention = { maxEntries: 1, maxAgeMs: 60_000 };
    const rules = [
      { pattern: "room:*", subscribe: "granted", publish: "granted", retention },
    ] as const;
    await using t = testCore({ contract, rules });
    await expect(t.core.channels.history(t.user("anyone"), "room:1")).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(t.publish("room:1", "other", 1)).rejects.toMatchObject({ code: "invalid_event" });
  });

  test("[P-TYPE-4] leaves open what it does not say: that is as the defaults have it for the name", async () => {
    await using t = withChannels({
      "user:{user}:cart": { events, retention: { maxEntries: 1, maxAgeMs: 60_000 } },
      "collection:{collection}:item:{item}": { events, priority: "high" },
    });
    await t.publish("user:7:cart", "message", 1);
    expect((await t.core.channels.history(t.user("7"), "user:7:cart")).entries).toHaveLength(1);
    await expect(t.core.channels.history(t.user("8"), "user:7:cart")).rejects.toMatchObject({
      code: "forbidden",
    });
    await t.publish("collection:1:item:2", "message", 1);
    expect((await t.core.channels.history(t.service, "collection:1:*")).entries).toHaveLength(1);
  });

  test.each<[string, DefinedContract["channels"], RegExp]>([
    ["a pattern that is none", { "room:{a}:{a}": { events } }, /"room:\{a\}:\{a\}" is no pattern/],
    [
      "a setting that is none",
      { "room:{room}": { events, retenton: 5 } },
      /"room:\{room\}": retenton is nothing a rule says/,
    ],
    [
      "an access that the pattern cannot have",
      { "user:{id}:cart": { events, priority: "high" } },
      /"user:\{id\}:cart".* own-user.*must have \{user\}/,
    ],
  ])("[P-TYPE-4] is refused at the start when it is %s", (_, channels, message) => {
    expect(() => withChannels(channels)).toThrow(message);
  });
});

describe("operations of a contract", () => {
  const contract = defineContract({
    operations: {
      index: { input: textField("folder"), result: textField("summary") },
      sweep: {},
    },
  });

  async function create(t: TestCore, kind: string, input?: unknown) {
    return t.core.operations.create(t.service, {
      kind,
      operation_id: "op",
      ...(input === undefined ? {} : { input }),
    });
  }

  test("[P-TYPE-5] are of the kinds it names", async () => {
    await using t = testCore({ contract });
    await create(t, "sweep", 5);
    await expect(create(t, "indx")).rejects.toMatchObject({
      code: "invalid_data",
      message: 'kind: must be one of index, sweep; it is "indx"',
    });
    await expect(create(t, "constructor")).rejects.toMatchObject({ code: "invalid_data" });
  });

  test("[P-TYPE-5] may be of any kind where the contract says *, or nothing of operations", async () => {
    await using open = testCore({ contract: defineContract({ methods: {} }) });
    await create(open, "any");
    const other = { operations: { index: {}, "*": { input: textField("folder") } } };
    await using t = testCore({ contract: defineContract(other) });
    await create(t, "any", { folder: "docs" });
    await expect(create(t, "any", {})).rejects.toMatchObject({ code: "invalid_data" });
  });

  test("[P-TYPE-5] are refused with an input that does not fit, and do not come to be", async () => {
    await using t = testCore({ contract });
    for (const input of [undefined, {}, { folder: 5 }]) {
      await expect(create(t, "index", input)).rejects.toMatchObject({
        code: "invalid_data",
        message: "folder: must be text",
      });
    }
    await expect(t.core.operations.get(t.service, "op")).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("[P-TYPE-6] whose result does not fit are not done, and can still end otherwise", async () => {
    await using t = testCore({ contract });
    const { lease } = await create(t, "index", { folder: "docs" });
    const report = (event: string, data: unknown, key: string) =>
      t.core.operations.report(t.service, "op", {
        lease: lease.token,
        events: [{ event, data, key }],
      });
    await report("started", {}, "1");
    for (const data of [{}, { result: { summary: 5 } }]) {
      expect(await report("done", data, "2")).toMatchObject([
        { error: { code: "invalid_data", message: "summary: must be text", retryable: false } },
      ]);
    }
    expect(await t.core.operations.get(t.service, "op")).toMatchObject({
      operation: { status: "running" },
    });
    const done = { result: { summary: "3 files" } };
    const first = await report("done", done, "3");
    expect(first).toMatchObject([{ duplicate: false }]);
    expect(await report("done", done, "3")).toMatchObject([{ duplicate: true }]);
  });
});

describe("methods of a contract", () => {
  const contract = defineContract({
    methods: { "cart.total": { params: textField("cart"), result: textField("sum") } },
  });

  async function ask(t: TestCore, params: unknown) {
    const socket = t.connect({ principal: t.user("ada") });
    await t.clock.settle();
    socket.take();
    socket.send({ type: "request", id: 1, method: "cart.total", params });
    await t.clock.settle();
    return socket.take();
  }

  test.each(["cart.total", "cart.*"])(
    "[P-TYPE-7] are checked whoever answers them: %s",
    async (name) => {
      let sum: unknown = "5 EUR";
      const methods = { [name]: { handler: () => ({ sum }) } };
      await using t = testCore({ contract, methods });
      expect(await ask(t, { cart: "c" })).toMatchObject([{ result: { sum: "5 EUR" } }]);
      expect(await ask(t, { cart: 7 })).toMatchObject([
        { error: { code: "invalid_data", message: "cart: must be text" } },
      ]);
      sum = 5;
      expect(await ask(t, { cart: "c" })).toMatchObject([{ error: { code: "internal" } }]);
      expect(t.faults).toMatchObject([{ level: "error" }]);
    },
  );

  test("[P-TYPE-7] that nobody answers keep the node from starting", () => {
    expect(() => testCore({ contract })).toThrow(
      "nothing answers the contract's method cart.total",
    );
  });
});
