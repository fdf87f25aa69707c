import {
  type DefinedContract,
  defineContract,
  type SchemaOutcome,
  type StandardSchema,
  unchecked,
} from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../../testing/index.ts";

/** Returns a schema of objects with one text field. */
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

  test("[P-TYPE-1] a contract's channel accepts the events that the contract names", async () => {
    await using t = withChannels(room);
    await expect(t.publish("room:1", "message", { text: "hi" })).resolves.toMatchObject({
      channel: "room:1",
    });
    await t.publish("room:1", "left", 5);
  });

  test("[P-TYPE-1] a contract's channel refuses other events, and the error lists the events that the channel has", async () => {
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

  test("[P-TYPE-1] a contract's channel refuses data that do not match the schema, and the error names the field", async () => {
    await using t = withChannels(room);
    await expect(t.publish("room:1", "message", { text: 5 })).rejects.toMatchObject({
      code: "invalid_data",
      message: expect.stringContaining("text: must be text"),
    });
  });

  test("[P-TYPE-1] a contract's channel with a schema for * accepts every event and checks its data against that schema", async () => {
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

  test("[P-TYPE-1] a client that publishes data against the contract receives invalid_data over its connection", async () => {
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

  test("[P-TYPE-2] the narrowest pattern of a contract applies to a channel, in whatever order they are listed", async () => {
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

  test("[P-TYPE-2] channels that the contract does not name accept any event", async () => {
    await using t = withChannels(room);
    await t.publish("news", "anything", 5);
    await t.publish("room:1:typing", "anything", 5);
  });

  test("[P-TYPE-3] user and session channels of a contract still accept the gateway's own events", async () => {
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

test("[P-TYPE-3] a contract's channel keeps the events that its rule names, but not the rule's schema for * (all other events)", async () => {
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

describe("settings of a contract's channels", () => {
  const events = { message: any };

  test("[P-TYPE-4] a contract's settings apply where no rule of the deployment matches", async () => {
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

  test("[P-TYPE-4] a deployment's rule takes precedence over a contract's settings, but not over the contract's events", async () => {
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

  test("[P-TYPE-4] settings that a contract leaves out come from the default rule for the channel's name", async () => {
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
    [
      "a pattern that is none",
      { "room:{a}:{a}": { events } },
      /"room:\{a\}:\{a\}" is not a pattern/,
    ],
    [
      "a setting that is none",
      { "room:{room}": { events, retenton: 5 } },
      /"room:\{room\}": retenton is not a setting of a rule/,
    ],
    [
      "an access that the pattern cannot have",
      { "user:{id}:cart": { events, priority: "high" } },
      /"user:\{id\}:cart".* own-user.*must have \{user\}/,
    ],
  ])(
    "[P-TYPE-4] a contract that has %s is refused when the node is created",
    (_, channels, message) => {
      expect(() => withChannels(channels)).toThrow(message);
    },
  );
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

  test("[P-TYPE-5] operations may only be of the kinds that a contract names", async () => {
    await using t = testCore({ contract });
    await create(t, "sweep", 5);
    await expect(create(t, "indx")).rejects.toMatchObject({
      code: "invalid_data",
      message: 'kind: must be one of index, sweep; it is "indx"',
    });
    await expect(create(t, "constructor")).rejects.toMatchObject({ code: "invalid_data" });
  });

  test("[P-TYPE-5] operations may be of any kind where a contract has *, or names no operations", async () => {
    await using open = testCore({ contract: defineContract({ methods: {} }) });
    await create(open, "any");
    const other = { operations: { index: {}, "*": { input: textField("folder") } } };
    await using t = testCore({ contract: defineContract(other) });
    await create(t, "any", { folder: "docs" });
    await expect(create(t, "any", {})).rejects.toMatchObject({ code: "invalid_data" });
  });

  test("[P-TYPE-5] an operation whose input does not match its schema is refused and not created", async () => {
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

  test("[P-TYPE-6] a done event whose result does not match its schema is refused, and the operation can still end", async () => {
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
    "[P-TYPE-7] a contract checks the params and results of its methods, whether the handler is exact or for a prefix: %s",
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

  test("[P-TYPE-7] a contract's method without a handler keeps the node from starting", () => {
    expect(() => testCore({ contract })).toThrow(
      "no handler answers the contract's method cart.total",
    );
  });
});
